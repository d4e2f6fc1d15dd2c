import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { deliveryOf, type ContextEvent } from '../model/events.ts'
import { sha256 } from '../model/digest.ts'
import { DETAIL_MAX_CHARACTERS, type GuestWord } from './guest-word.ts'
import { ofFormer, parseConsoleLine, parseReport, REPORT_MAX_BYTES, toEvent, type Hearing } from './guest-report.ts'

/** One boot of a real cloud-init; see testdata/README.md. */
interface Boot {
  readonly is: 'applied' | 'failed' | 'finished'
  readonly userData: string
  readonly posts: readonly string[]
  readonly console: readonly string[]
}

const BOOTS = new URL('./testdata/boots/', import.meta.url)
const HEARING: Hearing = { instanceId: 'i', revision: 1, at: 0, evidence: 'console' }
const SCRIPT = Buffer.from('#!/bin/sh\n')
const CONFIG = Buffer.from('#cloud-config\nruncmd: [ls]\n')

const wordOf = (post: string, userData?: Uint8Array): GuestWord | undefined => {
  const report = parseReport(Buffer.from(post), userData)
  assert.ok(report, 'it is a report')
  return report.word
}

/** A finished step of cloud-init, as its webhook posts it. */
const finish = (name: string, result = 'SUCCESS', description = `${name.split('/').at(-1)} ran successfully`): string =>
  JSON.stringify({ name, description, event_type: 'finish', origin: 'cloudinit', timestamp: 1, result })

/** What a boot's words come to. */
function outcomeOf(words: readonly (GuestWord | undefined)[]): string {
  const offered: ContextEvent = { ...HEARING, kind: 'offered', method: 'disk', source: 'service' }
  const events = words.flatMap((word) => (word ? [toEvent(word, HEARING)] : []))
  const { state, finishedUnproven } = deliveryOf([offered, ...events], 1)
  return finishedUnproven ? 'finished' : String(state)
}

describe('a boot of cloud-init', () => {
  for (const file of readdirSync(BOOTS)) {
    const boot = JSON.parse(readFileSync(new URL(file, BOOTS), 'utf8')) as Boot
    const userData = Buffer.from(boot.userData, 'base64')
    const name = file.replace('.json', '')

    if (boot.posts.length > 0)
      it(`is ${boot.is} by its webhook: ${name}`, () => {
        assert.equal(outcomeOf(boot.posts.map((post) => wordOf(post, userData))), boot.is)
      })

    it(`is ${boot.is} by its console: ${name}`, () => {
      assert.equal(outcomeOf(boot.console.map((line) => parseConsoleLine(`${line}\r`, userData))), boot.is)
    })

    it(`proves nothing where no data were sent: ${name}`, () => {
      const words = [
        ...boot.posts.map((post) => wordOf(post)),
        ...boot.console.map((line) => parseConsoleLine(line, undefined)),
      ]
      assert.equal(outcomeOf(words), 'finished')
    })
  }
})

describe('parseReport', () => {
  it('takes the word of the demo guest', () => {
    const said = { agent: 'demo-guest', stage: 'applied', method: 'metadata', exitCode: 0, sha256: sha256(SCRIPT) }
    const { agent, stage, ...rest } = said
    assert.deepEqual(wordOf(JSON.stringify(said)), { speaker: agent, kind: stage, ...rest })
  })

  it('takes the word of the agent, in what a webhook posts around it', () => {
    const word = { agent: 'agent', stage: 'failed', method: 'disk', exitCode: 7 }
    const around = {
      name: 'bellhop-agent/failed',
      description: 'x',
      event_type: 'finish',
      timestamp: 1,
      result: 'FAIL',
    }
    assert.deepEqual(wordOf(JSON.stringify({ ...around, origin: 'bellhop-agent', ...word })), {
      speaker: 'agent',
      kind: 'failed',
      method: 'disk',
      exitCode: 7,
    })
    for (const origin of ['another', undefined])
      assert.equal(parseReport(Buffer.from(JSON.stringify({ ...around, origin, ...word })), SCRIPT), undefined)
  })

  // As cloud-init 22.4.2 posts it: `post` of the user's cloud-config names the fields, and what is not there is `N/A`.
  const HOME =
    'instance_id=d9e0f5a0-1111-2222-3333-444455556666&hostname=vm1&fqdn=vm1.example.org&pub_key_ed25519=ssh-ed25519+AAAAC3Nz%2Fa%2B%3D+root%40vm1%0A&pub_key_rsa=N%2FA'

  it('takes what cloud-init posts when it phones home, which proves no use', () => {
    const word = { speaker: 'cloud-init', kind: 'finished', detail: 'cloud-init phoned home' } as const
    assert.deepEqual(wordOf(HOME, SCRIPT), word)
    assert.deepEqual(wordOf('fqdn=', SCRIPT), word)
  })

  it('takes no other form', () => {
    for (const form of [
      'hostname',
      'a=b',
      `${HOME}&a=b`,
      'fqdn=a&fqdn=b',
      `${HOME}&`,
      'fqdn=a b',
      'fqdn=<b>',
      ' fqdn=a',
      '=',
    ])
      assert.equal(parseReport(Buffer.from(form), SCRIPT), undefined, form)
  })

  it('takes no word that is not exactly one of ours', () => {
    const said: Readonly<Record<string, unknown>> = { agent: 'demo-guest', stage: 'failed' }
    for (const wrong of [
      { stage: 'started' },
      { agent: undefined },
      { agent: 'cloud-init' },
      { method: 'provider' },
      { exitCode: '0' },
      { exitCode: 0.5 },
      { bytes: -1 },
      { sha256: 'ABC' },
      { path: '/a\nb' },
      { path: `/${'a'.repeat(255)}` },
      { detail: 5 },
      { more: 1 },
      { stage: 'applied' },
      { stage: 'applied', exitCode: 1 },
    ])
      assert.equal(
        parseReport(Buffer.from(JSON.stringify({ ...said, ...wrong })), SCRIPT),
        undefined,
        JSON.stringify(wrong),
      )
  })

  it('takes any event of cloud-init, and finds most not worth a word', () => {
    const start = {
      name: 'modules-final/config-scripts-user',
      description: 'x',
      event_type: 'start',
      origin: 'cloudinit',
    }
    assert.equal(wordOf(JSON.stringify({ ...start, timestamp: 1 }), SCRIPT), undefined)
    assert.equal(wordOf(finish('init-network/config-ssh'), SCRIPT), undefined)
    assert.deepEqual(wordOf(finish('init-network/activate-datasource'), SCRIPT), {
      speaker: 'cloud-init',
      kind: 'state',
      detail: 'init-network/activate-datasource: SUCCESS',
    })
    assert.equal(wordOf(finish('init-network/config-growpart', 'FAIL'), SCRIPT)?.kind, 'state')
  })

  it('takes success for a proof only where the scripts ran in this boot', () => {
    const scripts = 'modules-final/config-scripts-user'
    assert.equal(wordOf(finish(scripts), SCRIPT)?.kind, 'applied')
    assert.equal(wordOf(finish(scripts, 'SUCCESS', 'config-scripts-user previously ran'), SCRIPT)?.kind, undefined)
    assert.equal(wordOf(finish('modules-final'), SCRIPT)?.kind, 'finished')
  })

  it('knows the names and words of newer versions', () => {
    const newer = finish(
      'modules-final/config-scripts_user',
      'SUCCESS',
      'config-scripts_user ran successfully and took 0.012 seconds',
    )
    assert.equal(wordOf(newer, SCRIPT)?.kind, 'applied')
  })

  it('takes the failure of any module for that of a cloud-config, and no other for that of a script', () => {
    const runcmd = finish('modules-config/config-runcmd', 'FAIL')
    assert.equal(wordOf(runcmd, CONFIG)?.kind, 'failed')
    assert.equal(wordOf(runcmd, SCRIPT)?.kind, 'state')
    assert.equal(wordOf(finish('modules-config/config-runcmd', 'WARN'), CONFIG)?.kind, 'failed')
    assert.equal(wordOf(finish('modules-final'), CONFIG)?.kind, 'applied')
    assert.equal(wordOf(finish('init-local/search-NoCloud', 'FAIL'), CONFIG)?.kind, 'state')
  })

  it('takes no failure for that of data which cloud-init ignores', () => {
    for (const data of ['{}', '#cloud-config\na: {{ b }}\n', 'hello'])
      for (const name of ['modules-final/config-scripts-user', 'init-network/consume-user-data', 'modules-config'])
        assert.equal(wordOf(finish(name, 'FAIL'), Buffer.from(data))?.kind, 'state', `${name}: ${data}`)
  })

  it('takes a failure to read the data for theirs, whatever they are', () => {
    const consume = finish('init-network/consume-user-data', 'FAIL')
    for (const data of [SCRIPT, CONFIG, Buffer.from('#include\nhttp://example.org/\n')])
      assert.equal(wordOf(consume, data)?.kind, 'failed')
  })

  it('says nothing of what a description or a file in an event says', () => {
    const secret = 'hunter2'
    const event = {
      ...JSON.parse(finish('modules-final/config-scripts-user', 'FAIL', secret)),
      files: [{ content: secret }],
    }
    assert.doesNotMatch(JSON.stringify(wordOf(JSON.stringify(event), SCRIPT)), /hunter2/)
  })

  it('bears whatever it is given', () => {
    const deep = '['.repeat(REPORT_MAX_BYTES)
    for (const body of [
      '',
      'null',
      '1',
      '[]',
      '{}',
      '{"origin":"cloudinit"}',
      deep,
      `{"agent":${deep}`,
      '{"__proto__":1,"stage":"failed"}',
    ])
      assert.equal(parseReport(Buffer.from(body), SCRIPT), undefined, body.slice(0, 40))
    assert.equal(parseReport(Buffer.alloc(REPORT_MAX_BYTES + 1, 0x20), SCRIPT), undefined)
    const members = fc.constantFrom('agent', 'stage', 'name', 'event_type', 'origin', 'result', 'description', 'detail')
    const values = fc.oneof(
      fc.constantFrom('demo-guest', 'applied', 'finish', 'cloudinit', 'FAIL', 'modules-final'),
      fc.jsonValue(),
    )
    fc.assert(
      fc.property(fc.dictionary(members, values), (report) => {
        const { word } = parseReport(Buffer.from(JSON.stringify(report)), SCRIPT) ?? {}
        assert.ok((word?.detail?.length ?? 0) <= DETAIL_MAX_CHARACTERS)
      }),
    )
    fc.assert(fc.property(fc.uint8Array(), (body) => void parseReport(body, CONFIG)))
  })
})

describe('parseConsoleLine', () => {
  it('takes our own programs at the beginning of a line alone', () => {
    const said = 'BELLHOP {"stage":"fetched","method":"disk","path":"user-data","bytes":10}'
    const word = { kind: 'fetched', method: 'disk', path: 'user-data', bytes: 10 }
    for (const line of [said, `${said}\r`, `\x1b[0m${said}\x1b[K \r\r`])
      assert.deepEqual(parseConsoleLine(line, SCRIPT), word)
    for (const line of [
      ` ${said}`,
      `user-data: ${said}`,
      `user-data: \r${said}`,
      `${said} x`,
      said.toLowerCase(),
      'BELLHOP null',
    ])
      assert.equal(parseConsoleLine(line, SCRIPT), undefined, line)
  })

  it("takes lines of cloud-init, of systemd's making or not", () => {
    const line = 'finish: modules-final/config-scripts-user: SUCCESS: config-scripts-user ran successfully'
    for (const before of ['', '[   50.485786] cloud-init[441]: ', 'web-1 login: [ 1250.485786] cloud-init[1441]: '])
      for (const after of ['', ' (duration: 0.012s)', ' and took 0.012 seconds (duration: 0.013s)'])
        assert.equal(parseConsoleLine(`${before}${line}${after}`, SCRIPT)?.kind, 'applied', before + after)
    assert.equal(parseConsoleLine(`user-data: ${line}`, SCRIPT), undefined)
    assert.equal(parseConsoleLine(`[    1.0] sshd[1]: ${line}`, SCRIPT), undefined)
  })

  it('tells from the last line how the data came', () => {
    const sources: Readonly<Record<string, string | undefined>> = {
      'DataSourceConfigDrive [net,ver=2][source=/dev/sr0]': 'disk',
      'DataSourceNoCloud [seed=/dev/vdb][dsmode=net]': 'disk',
      'DataSourceNoCloud [seed=/var/lib/cloud/seed/nocloud][dsmode=net]': 'injection',
      'DataSourceNoCloudNet [seed=dmi,http://169.254.169.254/seed/][dsmode=net]': 'metadata',
      'DataSourceOpenStackLocal [net,ver=2]': 'metadata',
      DataSourceEc2: 'metadata',
      DataSourceNone: undefined,
    }
    for (const [source, method] of Object.entries(sources)) {
      const line = `Cloud-init v. 22.4.2 finished at Wed, 25 Nov 2026 15:01:25 +0000. Datasource ${source}.  Up 50.31 seconds`
      const word = parseConsoleLine(`[   50.382332] cloud-init[441]: ${line}`, CONFIG)
      assert.deepEqual([word?.kind, word?.method], ['finished', method], source)
      assert.ok(word?.detail)
    }
  })

  it('bears whatever it is given', () => {
    const pieces = fc.constantFrom(
      'BELLHOP ',
      '{"stage":"failed"',
      '}',
      '\x1b[',
      '\x1b]0;',
      'finish: ',
      'modules-final: ',
      'FAIL: ',
      '\r',
      '[ 1.0] cloud-init[1]: ',
      'Cloud-init v. 1 finished at ',
      'Datasource ',
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, fc.string())), (line) => void parseConsoleLine(line.join(''), SCRIPT)),
    )
    for (const line of [
      '\x1b['.repeat(4000),
      `\x1b]${'x'.repeat(8000)}`,
      `Cloud-init v. x finished at ${'. '.repeat(3000)}`,
      ' '.repeat(1e6),
    ])
      assert.equal(parseConsoleLine(line, SCRIPT), undefined)
  })
})

describe('toEvent', () => {
  const ours = sha256(SCRIPT)
  const theirs = sha256(CONFIG)

  it('says who spoke, else where it was heard', () => {
    assert.equal(toEvent({ speaker: 'cloud-init', kind: 'finished' }, HEARING).source, 'cloud-init')
    assert.equal(toEvent({ kind: 'finished' }, HEARING).source, 'console')
  })

  it('says how it is known: by a report of cloud-init, or of a program of ours, or by the console, whoever speaks there', () => {
    const known = (speaker: GuestWord['speaker'], evidence: Hearing['evidence']) =>
      toEvent({ kind: 'finished', ...(speaker ? { speaker } : {}) }, { ...HEARING, evidence }).evidence
    assert.deepEqual(
      (['cloud-init', 'agent', 'demo-guest'] as const).map((speaker) => known(speaker, 'report')),
      ['report', 'agent', 'agent'],
    )
    for (const speaker of ['cloud-init', 'agent', undefined] as const)
      assert.equal(known(speaker, 'console'), 'console')
  })

  it("takes the method that the guest names before the listener's", () => {
    assert.equal(toEvent({ kind: 'fetched', method: 'disk' }, { ...HEARING, method: 'metadata' }).method, 'disk')
    assert.equal(toEvent({ kind: 'fetched' }, { ...HEARING, method: 'metadata' }).method, 'metadata')
  })

  it('is a failure where the guest read other bytes than were sent', () => {
    const word: GuestWord = { kind: 'applied', exitCode: 0, sha256: theirs, method: 'disk' }
    const event = toEvent(word, { ...HEARING, userDataSha256: ours })
    assert.equal(event.kind, 'failed')
    assert.match(event.detail ?? '', new RegExp(`${theirs}.*${ours}`))
    assert.match(toEvent(word, HEARING).detail ?? '', /no user data was sent/)
    assert.equal(toEvent({ ...word, sha256: ours }, { ...HEARING, userDataSha256: ours }).kind, 'applied')
  })

  it('is of the user’s data where the guest read the message that holds them, and of nothing else', () => {
    const hearing = { ...HEARING, userDataSha256: ours, wrappedSha256: theirs }
    const word: GuestWord = { speaker: 'agent', kind: 'fetched', path: 'user-data', bytes: 900, sha256: theirs }
    assert.deepEqual(toEvent(word, hearing), {
      ...HEARING,
      source: 'agent',
      kind: 'fetched',
      path: 'user-data',
      sha256: ours,
      detail: 'the data came wrapped',
    })
    const applied = toEvent({ kind: 'applied', exitCode: 0, sha256: theirs, detail: 'all was done' }, hearing)
    assert.deepEqual(
      [applied.kind, applied.exitCode, applied.detail],
      ['applied', 0, 'all was done; the data came wrapped'],
    )
    assert.equal(toEvent({ ...word, sha256: ours }, hearing).bytes, 900, 'cloud-init may have opened it')
    assert.equal(toEvent({ ...word, sha256: sha256(Buffer.of(1)) }, hearing).kind, 'failed')
    assert.equal(toEvent(word, { ...HEARING, wrappedSha256: theirs }).kind, 'failed', 'there is nothing in it')
  })

  it('keeps the digest of what was sent out of events that have none', () => {
    assert.deepEqual(toEvent({ kind: 'finished' }, { ...HEARING, userDataSha256: ours, wrappedSha256: theirs }), {
      ...HEARING,
      source: 'console',
      kind: 'finished',
    })
  })

  it('of a guest whose data were replaced speaks of the new ones only where it names their digest', () => {
    const word = toEvent({ kind: 'applied', exitCode: 0 }, { ...HEARING, revision: 2 })
    assert.equal(ofFormer(word, 'aa').kind, 'state')
    assert.equal(ofFormer({ ...word, sha256: 'bb' }, 'aa').kind, 'state')
    assert.equal(ofFormer({ ...word, sha256: 'aa' }, 'aa').kind, 'applied')
    assert.equal(ofFormer(word, undefined).kind, 'state')
  })
})
