import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CloudError, type ErrorCode } from '../../model/errors.ts'
import type { HttpClient } from '../../wire/http.ts'
import { stratusLabApi, type StratusLabApi } from './api.ts'

const call = { signal: new AbortController().signal, deadline: Date.now() + 60_000 }
const login = { username: 'jane', password: 'secret' }

const answer = (...values: readonly string[]): string =>
  `<?xml version="1.0" encoding="UTF-8"?><methodResponse xmlns:ex="http://ws.apache.org/xmlrpc/namespaces/extensions"><params><param><value><array><data>${values.map((value) => `<value>${value}</value>`).join('')}</data></array></value></param></params></methodResponse>`
const success = (...rest: readonly string[]): string => answer('<boolean>1</boolean>', ...rest)
const failure = (message: string, code: number): string =>
  answer('<boolean>0</boolean>', `<string>${message}</string>`, `<i4>${code}</i4>`)

/** An API whose server answers everything so. */
function api(body: string, status = 200): { readonly api: StratusLabApi; readonly sent: string[] } {
  const sent: string[] = []
  const http: HttpClient = {
    request: ({ body: asked, headers, url }) => {
      sent.push(`${url} ${headers?.['authorization']} ${String(asked)}`)
      return Promise.resolve({ status, headers: new Map(), bytes: Buffer.from(body), json: () => undefined })
    },
    close: () => Promise.resolve(),
  }
  return { sent, api: stratusLabApi({ url: 'https://c.example/pswd/xmlrpc', login, http, name: 'lab' }) }
}

function failsWith(asked: Promise<unknown>, code: ErrorCode, message: RegExp): Promise<void> {
  return assert.rejects(asked, (error) => {
    assert.ok(error instanceof CloudError, String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, message)
    assert.doesNotMatch(error.message, /secret|USERDATA/)
    return true
  })
}

describe('a call to StratusLab', () => {
  it('makes a VM of a template alone, as whoever logs in', async () => {
    const { api: lab, sent } = api(success('<i4>42</i4>', '<i4>0</i4>'))
    assert.equal(await lab.allocate('CPU = "1"\n', call), 42)
    assert.deepEqual(sent, [
      'https://c.example/pswd/xmlrpc Basic amFuZTpzZWNyZXQ= <?xml version="1.0"?>\n' +
        '<methodCall><methodName>one.vm.allocate</methodName><params><param><value><string>jane:secret</string></value></param>' +
        '<param><value><string>CPU = "1"\n</string></value></param></params></methodCall>',
    ])
  })

  it('takes an answer that says no more than that it was done, and numbers of eight bytes', async () => {
    await api(success()).api.act(1, 'shutdown', call)
    assert.equal(await api(success('<ex:i8>42</ex:i8>', '<i4>0</i4>')).api.allocate('', call), 42)
    await failsWith(api(success()).api.allocate('', call), 'unavailable', /no id; whether it was done is unknown/)
  })

  it('fails with what a number means, in words that hold nothing of a template', async () => {
    const rows: readonly (readonly [number, string, ErrorCode, RegExp])[] = [
      [256, "User couldn't be authenticated", 'unauthenticated', /256: it refuses the account/],
      [512, 'Not authorized USERDATA', 'forbidden', /512: the account may not do this/],
      [512, 'limit of 3 reached for VMS quota', 'conflict', /quota/],
      [4096, 'x', 'invalid', /4096/],
      [8192, 'Error parsing: syntax error USERDATA', 'invalid', /cannot read the template/],
      [8192, 'Could not get the lease USERDATA', 'unavailable', /no address left/],
      [8192, 'USERDATA', 'provider-failed', /refused with code 8192$/],
      [7, 'USERDATA', 'provider-failed', /refused with code 7$/],
    ]
    for (const [number, message, code, says] of rows)
      await failsWith(
        api(failure(`[VirtualMachineAllocate] ${message}`, number)).api.allocate('USERDATA', call),
        code,
        says,
      )
  })

  it('repeats what the front end says of anything else, but for the password', async () => {
    const said = (message: string, number: number) =>
      api(failure(`[VirtualMachineAction] ${message}`, number)).api.act(1, 'reboot', call)
    await failsWith(
      said('Wrong state of VM 1', 2048),
      'conflict',
      /^lab: one\.vm\.action: refused with code 2048: Wrong state of VM 1$/,
    )
    await failsWith(said('action reboot is not supported', 2048), 'unsupported', /is not supported$/)
    await failsWith(said('who is jane:secret?', 1024), 'not-found', /there is no such thing$/)
  })

  it('is refused by the proxy with a status, when nothing was done', async () => {
    await failsWith(api('<h1/>', 401).api.allocate('', call), 'unauthenticated', /\(401\)$/)
    await failsWith(api('<h1/>', 403).api.allocate('', call), 'forbidden', /\(403\)$/)
    await failsWith(api('<h1/>', 404).api.vms('there', call), 'provider-failed', /answers 404/)
  })

  it('fails where the answer is none', async () => {
    await failsWith(
      api(success('<string>&lt;VM/&gt;</string>')).api.vms('ever', call),
      'provider-failed',
      /begins with no VM_POOL/,
    )
    await failsWith(api(success('<string>&lt;VM/&gt;</string>')).api.vm(1, call), 'provider-failed', /has no ID/)
    await failsWith(api(answer('<string>x</string>')).api.act(1, 'reboot', call), 'unavailable', /unknown$/)
  })
})
