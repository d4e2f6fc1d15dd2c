import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { describe, it, type TestContext } from 'node:test'
import { createHttpClient, type HttpClient } from '../../src/wire/http.ts'
import { openRig, type Rig } from './opennebula-rig.ts'
import { call, rejects } from './provider-calls.ts'

const MANY = 5000
/** What one answer may have at most; the client reads 64 MiB. */
const ANSWER_MAX_BYTES = 8 * 1024 * 1024

interface Counted {
  /** Bytes of each answer. */
  readonly answers: number[]
  /** Does something before each request. */
  readonly setBefore: (before: () => void) => void
}

function counting(): Counted & { readonly http: HttpClient } {
  let beforeEach = (): void => undefined
  const answers: number[] = []
  const http = createHttpClient({ sleep: () => Promise.resolve() })
  return {
    answers,
    setBefore: (before) => {
      beforeEach = before
    },
    http: {
      close: () => http.close(),
      request: async (request) => {
        beforeEach()
        const answer = await http.request(request)
        answers.push(answer.bytes.byteLength)
        return answer
      },
    },
  }
}

/** A cloud in which the account has so many VMs: copies of one, each with an id of its own. */
async function crowded(t: TestContext, count: number): Promise<Rig & Counted & { readonly ids: readonly string[] }> {
  const { http, ...counted } = counting()
  const rig = await openRig(t, { http })
  const [vms, first] = [rig.one.vms(), await rig.made({ userData: Buffer.alloc(4096, 'x') })]
  const pattern = vms[first] ?? assert.fail()
  const ids = Array.from({ length: count }, () => randomUUID())
  rig.one.setVms(ids.map((id, index) => ({ ...pattern, id: index, userTemplate: marked(id) })))
  counted.answers.length = 0
  return { ...rig, ...counted, ids }
}

const marked = (id: string) => [
  { name: 'BELLHOP_ID', value: id },
  { name: 'LABELS', value: `linux,bellhop-${id}` },
]

describe('an account of OpenNebula with thousands of VMs', () => {
  it('has all of them listed, in a few answers of a few MiB', async (t) => {
    const { provider, answers, ids } = await crowded(t, MANY)
    const listed = await provider.list(call())
    assert.deepEqual(new Set(listed.map(({ ourId }) => ourId)), new Set(ids))
    assert.equal(listed.length, MANY)
    assert.ok(answers.length <= 6, `${answers.length} requests`)
    assert.ok(Math.max(...answers) < ANSWER_MAX_BYTES, `${Math.max(...answers)} bytes in one`)
  })

  it('costs twice as many bytes when it has twice as many, and not more for each of them', async (t) => {
    const bytesOf = async (count: number) => {
      const { provider, answers } = await crowded(t, count)
      await provider.list(call())
      return answers.reduce((sum, bytes) => sum + bytes, 0)
    }
    const [some, more] = [await bytesOf(2000), await bytesOf(4000)]
    assert.ok(more < some * 2.2, `${some} bytes for 2000, ${more} for 4000`)
  })

  it('has one found, made once and deleted among them with a bounded number of requests', async (t) => {
    const { one, provider, request, answers, ids } = await crowded(t, MANY)
    const oldest = ids[0] ?? assert.fail()
    assert.equal((await provider.find(oldest, call()))?.remoteId, '0')
    assert.equal((await provider.create(request({}, { id: oldest }), call())).remoteId, '0')
    const { remoteId } = await provider.create(request(), call())
    assert.equal(remoteId, String(MANY))
    await provider.discard?.(oldest, call())
    assert.equal(one.vms()[0]?.state, 6)
    await rejects(provider.get('0', call()), 'not-found')
    assert.ok(answers.length < 50, `${answers.length} requests`)
    assert.ok(Math.max(...answers) < ANSWER_MAX_BYTES)
  })

  it('loses none from its list where others are deleted between two pages', async (t) => {
    const { one, provider, answers, setBefore, ids } = await crowded(t, 2500)
    const gone = new Set<string>()
    // From the newest on, as many as there are on half a page: what follows moves up by as many rows.
    setBefore(() => {
      if (answers.length !== 1) return
      for (let id = 2499; id > 2000; id--) {
        one.setVmState(id, 6)
        gone.add(ids[id] ?? '')
      }
    })
    const listed = new Set((await provider.list(call())).map(({ ourId }) => ourId))
    assert.ok(gone.size > 0)
    for (const id of ids) if (!gone.has(id)) assert.ok(listed.has(id), `${id} is in the list`)
  })
})
