import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { BARE, SECRET, sampleRecorder, sampleSource, WEB } from '../../test/conformance/metadata-samples.ts'
import { timelineLine } from '../cli/timeline.ts'
import { sha256 } from '../model/digest.ts'
import { deliveryOf, type ContextEvent } from '../model/events.ts'
import type { ContextSource } from './delivery.ts'
import { settle } from './metadata-reply.ts'
import { createMetadataHandler } from './metadata.ts'

const NOW = 1_700_000_000_000
const DAY_MS = 86_400_000
const EACH_KIND = ['fetched', 'applied', 'failed', 'finished'] as const

/** A server, and what it would record of reports. */
function listening(asked?: ContextSource) {
  const source = sampleSource(WEB, BARE)
  const handler = createMetadataHandler({ source: asked ?? source, secret: SECRET })
  const events: ContextEvent[] = []
  const report = async (
    said: object | string | Uint8Array,
    { caller = WEB.guestId, now = NOW }: { caller?: string; now?: number } = {},
  ): Promise<number> => {
    const plain = typeof said === 'string' || said instanceof Uint8Array
    const body = Buffer.from(plain ? said : JSON.stringify(said))
    const reply = await handler.handle({ caller, method: 'POST', path: '/report', headers: [], body }, now)
    if (reply.heard) events.push(reply.heard)
    return reply.status
  }
  return { source, handler, events, report }
}

const word = (stage: string, more: object = {}): object => ({
  agent: 'agent',
  stage,
  ...(stage === 'applied' ? { exitCode: 0 } : {}),
  ...more,
})

/** A finished step of cloud-init, as its webhook posts it. */
const finish = (name: string, result = 'SUCCESS'): object => {
  const description = `${name.split('/').at(-1)} ran successfully`
  return { name, description, event_type: 'finish', origin: 'cloudinit', timestamp: 1, result }
}

describe('a guest that reports without end', () => {
  it('is heard a bounded number of times, and is told so', async () => {
    const { events, report } = listening()
    let refused = 0
    for (let i = 0; i < 5000; i++) {
      for (const stage of EACH_KIND) if ((await report(word(stage))) === 429) refused++
      if ((await report(finish('modules-config'))) === 429) refused++
    }
    assert.equal(events.length, 250)
    assert.equal(refused, 25_000 - 250)
  })

  it('is heard rarely from then on, however long it goes on', async () => {
    const { events, report } = listening()
    const everyMs = 10_000
    for (let now = NOW; now < NOW + DAY_MS; now += everyMs) await report(word('finished'), { now })
    assert.equal(events.length, 50 + DAY_MS / 300_000 - 1)
  })

  it('does not keep the word from being heard by which its data are seen to be applied', async () => {
    const { events, report } = listening()
    for (let i = 0; i < 1000; i++) {
      await report(finish('modules-config/config-runcmd', 'WARN'))
      for (const stage of ['fetched', 'finished']) await report(word(stage))
    }
    assert.equal(deliveryOf(events, 1).state, 'fetched')
    assert.equal(await report(finish('modules-config/config-runcmd', 'WARN')), 429)
    const key = `pub_key_ed25519=${encodeURIComponent(`ssh-ed25519 ${WEB.publicKeys[0]?.text.split(' ')[1]} root@web-1`)}`
    assert.equal(await report(key), 200, 'nor those from being known by which its SSH server is known')
    assert.equal(events.at(-1)?.hostKeys?.length, 1)
    assert.equal(await report(finish('modules-final/config-scripts-user')), 200)
    assert.equal(deliveryOf(events, 1).state, 'applied')
  })

  it('takes nothing from another guest', async () => {
    const { report } = listening()
    for (let i = 0; i < 100; i++) await report(word('failed'))
    assert.equal(await report(word('failed')), 429)
    assert.equal(await report(word('failed'), { caller: BARE.guestId }), 200)
  })

  it('is still known for it after many others have reported', async () => {
    const { report, source } = listening()
    for (let i = 0; i < 100; i++) await report(word('failed'))
    for (let i = 0; i < 35_000; i++) {
      const caller = `guest-${i}`
      source.set({ ...BARE, guestId: caller })
      await report(word('finished'), { caller })
      // As it goes on meanwhile.
      if (i % 1000 === 0) assert.equal(await report(word('failed')), 429)
      source.delete(caller)
    }
    assert.equal(await report(word('failed')), 429)
  })
})

describe('a report', () => {
  it('counts for the guest whose server was asked, whatever else it names', async () => {
    const { events, report } = listening()
    const others = { instanceId: BARE.guestId, instance_id: BARE.guestId, id: BARE.guestId }
    assert.equal(await report({ ...word('applied'), ...others }), 400)
    assert.equal(await report({ ...finish('modules-final/config-scripts-user'), ...others, revision: 7 }), 200)
    assert.equal(await report(`instance_id=${BARE.guestId}&hostname=x`), 200)
    assert.deepEqual(
      events.map(({ instanceId, revision, kind }) => [instanceId, revision, kind]),
      [
        [WEB.guestId, 1, 'applied'],
        [WEB.guestId, 1, 'finished'],
      ],
    )
  })

  it('is taken from guests that are there, and from no others', async () => {
    const { source, handler, events, report } = listening()
    assert.equal(await report(word('applied'), { caller: 'nobody' }), 404)
    source.delete(WEB.guestId)
    await handler.forget(WEB.guestId)
    assert.equal(await report(word('applied')), 404)
    assert.deepEqual(events, [])
  })

  it('of a guest that has not fetched its new data yet says nothing of them', async () => {
    const { source, handler, events, report } = listening()
    const recorder = sampleRecorder()
    const fetchNow = async (): Promise<void> =>
      settle(
        await handler.handle({ caller: WEB.guestId, method: 'GET', path: '/latest/user-data', headers: [] }, NOW),
        recorder,
      )
    await fetchNow()
    const userData = Buffer.from('#!/bin/sh\necho new\n')
    source.set({ ...WEB, userData }, 2)
    handler.refresh(WEB.guestId)
    const former = sha256(WEB.userData ?? Buffer.alloc(0))
    assert.equal(await report(finish('modules-final/config-scripts-user')), 200)
    assert.equal(await report(word('applied', { sha256: former })), 200)
    assert.equal(await report(word('finished')), 200)
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['state', 'state', 'state'],
    )
    assert.equal(deliveryOf(events, 2).state, undefined)
    assert.equal(await report(word('applied', { sha256: sha256(userData) })), 200)
    assert.equal(deliveryOf(events, 2).state, 'applied', 'these it names')
    await fetchNow()
    assert.equal(await report(finish('modules-final/config-scripts-user', 'FAIL')), 200)
    assert.equal(events.at(-1)?.kind, 'failed', 'now it has them')
  })

  it('of a guest that fetched former data before this server began says nothing of the new ones', async () => {
    const fetchedOf = async (fetchedRevision?: number, hasFormer?: boolean): Promise<string | undefined> => {
      const known = {
        ...(fetchedRevision === undefined ? {} : { fetchedRevision }),
        ...(hasFormer === undefined ? {} : { hasFormer }),
      }
      const found = { context: WEB, revision: 2, ...known }
      const { events, report } = listening({ find: async () => found })
      assert.equal(await report(finish('modules-final/config-scripts-user')), 200)
      return events[0]?.kind
    }
    assert.deepEqual([await fetchedOf(1), await fetchedOf(2), await fetchedOf()], ['state', 'applied', 'applied'])
    assert.equal(await fetchedOf(undefined, true), 'state', 'it had the former from a disk')
    assert.equal(await fetchedOf(1, false), 'applied', 'it has these from another way')
    assert.equal(await fetchedOf(2, true), 'applied', 'since that was read it asked')
  })

  it('of a guest that read the whole message which holds its data is on these', async () => {
    const [message, digest] = [sha256(Buffer.from('a message')), sha256(WEB.userData ?? Buffer.alloc(0))]
    const source = { find: async () => ({ context: WEB, revision: 1, wrappedSha256: message }) }
    const handler = createMetadataHandler({ source, secret: SECRET })
    const heard = async (said: object): Promise<ContextEvent | undefined> => {
      const body = Buffer.from(JSON.stringify(said))
      return (await handler.handle({ caller: WEB.guestId, method: 'POST', path: '/report', headers: [], body }, NOW))
        .heard
    }
    const event = await heard(word('applied', { sha256: message, bytes: 9, detail: 'all of it was done' }))
    assert.deepEqual(
      [event?.kind, event?.sha256, event?.bytes, event?.detail],
      ['applied', digest, undefined, 'all of it was done; the data came wrapped'],
    )
    assert.equal((await heard(word('applied', { sha256: digest })))?.kind, 'applied')
    const other = await heard(word('applied', { sha256: sha256(Buffer.from('another message')) }))
    assert.equal(other?.kind, 'failed')
  })

  it('is small', async () => {
    const { events, report } = listening()
    const large = 16 * 1024 - JSON.stringify(word('finished', { detail: '' })).length
    assert.equal(await report(word('finished', { detail: 'x'.repeat(large) })), 200)
    assert.equal(await report(word('finished', { detail: 'x'.repeat(large + 1) })), 413)
    assert.equal(events.length, 1)
    assert.ok(JSON.stringify(events).length < 500, 'of what it says a line is kept')
  })

  it('puts nothing on a terminal but one printable line, and nothing of a form into the timeline', async () => {
    const { events, report } = listening()
    const hostile =
      '\u001b]0;owned\u0007\r\nBELLHOP {"stage":"applied"}\u202e<script>alert(1)</script>\u0000\u2028\ud800'
    assert.equal(await report(word('failed', { detail: hostile, exitCode: 1 })), 200)
    assert.equal(await report(`hostname=${encodeURIComponent('<b>\u001b[31m')}`), 200)
    assert.equal(await report({ ...finish('modules-final'), description: hostile }), 200)
    for (const event of events) {
      const line = timelineLine(event, NOW)
      assert.doesNotMatch(line, /[\p{C}\p{Zl}\p{Zp}]/u)
      assert.ok(line.isWellFormed())
    }
    assert.doesNotMatch(JSON.stringify(events.slice(1)), /script>|<b>|owned/)
  })

  it('of whatever bytes gets 200, 400, 413 or 429, and never makes an event of another guest', async () => {
    const names = fc.constantFrom(
      'agent',
      'stage',
      'exitCode',
      'detail',
      'path',
      'origin',
      'name',
      'event_type',
      'result',
    )
    const values = fc.oneof(
      fc.constantFrom('agent', 'applied', 'cloudinit', 'finish', 'SUCCESS', 'modules-final', 0),
      fc.jsonValue(),
      fc.string({ unit: 'binary' }),
    )
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 20_000 }),
      fc.dictionary(names, values).map((said) => JSON.stringify(said)),
      fc.array(fc.tuple(fc.string(), fc.string())).map((pairs) => new URLSearchParams(pairs).toString()),
      fc.integer({ min: 1, max: 1600 }).map((depth) => '{"stage":['.repeat(depth)),
    )
    const { events, report } = listening()
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        assert.ok([200, 400, 413, 429].includes(await report(body)))
      }),
      { numRuns: 500 },
    )
    for (const event of events) {
      assert.equal(event.instanceId, WEB.guestId)
      assert.ok(JSON.stringify(event).length < 4096)
      assert.doesNotMatch(timelineLine(event, NOW), /[\p{C}\p{Zl}\p{Zp}]/u)
    }
  })
})
