import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { sha256 } from '../../src/model/digest.ts'
import type { Gateway } from '../e2e/gateway.ts'
import { ROOT, run } from '../e2e/programs.ts'
import { needQemu, untilTrue } from './demo-guest.ts'
import { needPython, PYTHON } from './need.ts'
import { assertNothingLeft, consoleOf, startQemuGateway } from './qemu-gateway.ts'

const NS = 'http://schemas.dmtf.org/cimi/1'
const FOUNDING_DATA = 'this is just a test'

/** What `founding-request.py` prints. */
interface Founded {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Machine
  readonly machine: Machine
  readonly job: Job
  readonly delivery: Job
  readonly events: readonly { readonly content: { readonly state?: string }; readonly outcome: string }[]
}

interface Machine {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly state: string
  readonly operations: readonly { readonly rel: string; readonly href: string }[]
}

interface Job {
  readonly state: string
  readonly statusMessage: string
}

function ready(t: TestContext): boolean {
  return needQemu(t) && needPython(t, 'requests', 'python3-requests')
}

/** Runs a client of ours in Debian's Python, and gives the JSON that it prints. */
async function python({ token }: Gateway, program: string, args: readonly string[], input = ''): Promise<unknown> {
  const path = join(ROOT, 'test', 'peers', 'cimi', program)
  // A proxy is not for loopback, and -B leaves no compiled files in the checkout.
  const env = { ...process.env, KEYSTONE_TOKEN: token, NO_PROXY: '*' }
  const ended = await run(PYTHON, ['-B', path, ...args], { env, input })
  assert.equal(ended.code, 0, ended.stderr)
  return JSON.parse(ended.stdout)
}

/** A script that says the founding data, a word that no other test says, and what CIMI's path in the guest gives. */
function scriptFor(word: string): string {
  return `#!/bin/sh
echo "${FOUNDING_DATA} ${word}"
echo "cimi: $(wget -q -O - http://169.254.169.254/cimi/latest/user-data)"
`
}

function idOf(url: string): string {
  return url.split('/').at(-1) ?? ''
}

/** The state of a machine's data, as our own API tells it. */
async function deliveryState({ ask }: Gateway, id: string): Promise<string | undefined> {
  const shown = (await (await ask(`/api/v1/instances/${id}`)).json()) as { delivery?: { state?: string } }
  return shown.delivery?.state
}

describe('Python’s requests, asking CIMI for machines of QEMU', () => {
  it('as the founding document does, at each mount, bare and wrapped, brings its bytes into the guest', async (t) => {
    if (!ready(t)) return
    const gateway = await startQemuGateway(t)
    const mounts = [`${gateway.url}/cimiv1/default`, `${gateway.url}/cimi`]
    const asked = mounts.flatMap((mount) => [[mount], [mount, 'MachineCreate']] as const)
    const all = await Promise.all(
      asked.map(async (args) => (await python(gateway, 'founding-request.py', args)) as Founded),
    )
    for (const [index, { status, headers, body, machine, job, delivery, events }] of all.entries()) {
      const mount = asked[index]?.[0]
      const id = idOf(body.id)
      assert.equal(status, 201)
      assert.equal(headers['content-type'], 'application/json')
      assert.equal(headers['cimi-specification-version'], '1.1.0')
      assert.equal(headers['location'], `${mount}/machines/${id}`)
      assert.equal(headers['cimi-job-uri'], `${mount}/jobs/${id}`)
      assert.equal(body.id, headers['location'])
      assert.equal(body.name, 'cimi-test-server')
      assert.equal(body.description, 'no desc')
      assert.match(body.state, /^(?:CREATING|STARTED)$/)
      assert.equal(machine.state, 'STARTED')
      assert.equal(job.state, 'SUCCESS')

      const bytes = FOUNDING_DATA.length
      const told = `"stage":"fetched","method":"metadata","path":"/openstack/latest/user_data","bytes":${bytes},"sha256":"${sha256(Buffer.from(FOUNDING_DATA))}"`
      const console = await consoleOf(gateway, id)
      assert.ok(console.includes(`BELLHOP {${told}}`), 'the guest has the very bytes')
      assert.match(console, new RegExp(`^user-data: ${FOUNDING_DATA}\\r?$`, 'm'), 'and prints them')
      // No guest runs plain text, and nobody says that one did.
      assert.equal(await deliveryState(gateway, id), 'fetched')
      assert.equal(delivery.state, 'STOPPED')
      assert.match(delivery.statusMessage, /^fetched by metadata; .*nothing proves/)
      assert.deepEqual(
        events.map(({ content }) => content.state).filter((state) => state === 'applied'),
        [],
      )
      assert.equal((await gateway.ask(machine.id, { method: 'DELETE' })).status, 200)
    }
    await assertNothingLeft(
      gateway,
      all.map(({ body }) => idOf(body.id)),
    )
  })

  it('with a script shows that the data were applied, and the machine then lives and dies', async (t) => {
    if (!ready(t)) return
    const gateway = await startQemuGateway(t)
    const word = randomBytes(8).toString('hex')
    const script = scriptFor(word)
    const mount = `${gateway.url}/cimiv1/default`
    const { status, body, job, delivery, events } = (await python(
      gateway,
      'founding-request.py',
      [mount],
      script,
    )) as Founded
    const id = idOf(body.id)
    assert.equal(status, 201)
    assert.equal(await deliveryState(gateway, id), 'applied')
    assert.equal(job.state, 'SUCCESS')
    assert.match(job.statusMessage, /its data: applied by metadata$/)
    assert.equal(delivery.state, 'SUCCESS')
    const applied = events.filter(({ content }) => content.state === 'applied')
    assert.ok(applied.length > 0)
    assert.ok(applied.every(({ outcome }) => outcome === 'Success'))

    const text = await consoleOf(gateway, id)
    const said = text.split(/\r?\n/)
    assert.ok(said.includes(`user-data: ${FOUNDING_DATA} ${word}`), text)
    assert.ok(said.includes(`user-data: cimi: ${Buffer.from(script).toString('base64')}`), text)

    const look = async (): Promise<Machine> => (await (await gateway.ask(body.id)).json()) as Machine
    const act = async (verb: string): Promise<Response> => {
      const { operations } = await look()
      const href = operations.find(({ rel }) => rel === `${NS}/action/${verb}`)?.href ?? assert.fail(verb)
      return await gateway.ask(href, { method: 'POST' })
    }
    for (const [verb, state] of [
      ['stop', 'STOPPED'],
      ['start', 'STARTED'],
    ] as const) {
      const done = await act(verb)
      assert.equal(done.status, 202)
      assert.equal(done.headers.get('content-type'), null)
      assert.equal(await done.text(), '')
      const { action, ...ended } = (await (
        await gateway.ask(done.headers.get('cimi-job-uri') ?? assert.fail())
      ).json()) as Job & { readonly action: string }
      assert.equal(action, `${NS}/action/${verb}`)
      assert.equal(ended.state, 'SUCCESS')
      await untilTrue(async () => (await look()).state === state, `it is ${state}`)
    }

    const captured = await gateway.ask(`${mount}/machine_images`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ name: 'saved', imageLocation: body.id }),
    })
    assert.equal(captured.status, 501, 'the demo guest has no disk to capture')
    assert.match(await captured.text(), /disk/)

    const gone = await gateway.ask(body.id, { method: 'DELETE' })
    assert.equal(gone.status, 200)
    assert.equal(await gone.text(), '')
    assert.equal((await gateway.ask(body.id)).status, 404)
    await assertNothingLeft(gateway, [id])
  })

  it('in XML gets XML, and the same', async (t) => {
    if (!ready(t)) return
    const gateway = await startQemuGateway(t)
    const word = randomBytes(8).toString('hex')
    const mount = `${gateway.url}/cimi`
    const { id, events, ...seen } = (await python(gateway, 'xml-request.py', [mount], scriptFor(word))) as {
      readonly id: string
      readonly events: readonly (readonly [state: string, outcome: string])[]
    }
    assert.deepEqual(seen, {
      root: `{${NS}}Machine`,
      type: 'application/xml',
      name: 'xml',
      actions: [
        ['stop', 202, null],
        ['start', 202, null],
      ],
      job: 'SUCCESS',
      delivery: 'SUCCESS',
    })
    assert.ok(events.some(([state, outcome]) => state === 'applied' && outcome === 'Success'))
    assert.ok((await consoleOf(gateway, idOf(id))).includes(`user-data: ${FOUNDING_DATA} ${word}`))
    assert.equal((await gateway.ask(id, { method: 'DELETE' })).status, 200)
    await assertNothingLeft(gateway, [idOf(id)])
  })
})
