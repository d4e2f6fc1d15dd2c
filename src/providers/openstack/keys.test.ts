import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { lentKeys, timeOf } from './keys.ts'
import { jsonReply, withReplayedSession } from './testdata/session.ts'

const [OLD, YOUNG] = ['0b450db4-423f-4927-94c6-88bd035ad269', '5a1d1c5e-7d53-4a0c-8a51-2f6b7c3a9e10']

describe('keys that servers are lent', () => {
  it('are taken back when they are old, and nobody else is deprived of his', () =>
    withReplayedSession(async ({ cloud, session, asked }) => {
      const created: Readonly<Record<string, string>> = {
        [`bellhop-${OLD}`]: '2026-11-22T09:00:00.000000',
        [`bellhop-${YOUNG}`]: '2026-11-22T10:00:00.000001',
        'bellhop-alice': '2020-01-01T00:00:00.000000',
        alice: '2020-01-01T00:00:00.000000',
      }
      cloud.answer = ({ method, path }) => {
        if (method === 'DELETE') return { status: 204 }
        const name = path.slice('/v2.1/os-keypairs/'.length)
        return name === ''
          ? jsonReply({ keypairs: Object.keys(created).map((each) => ({ keypair: { name: each } })) })
          : jsonReply({ keypair: { name, created_at: created[name] } })
      }
      await lentKeys(session, 90).takeBackOlder(Date.parse('2026-11-22T10:00:00Z'))
      assert.deepEqual(
        asked().filter((line) => line.startsWith('DELETE')),
        [`DELETE /v2.1/os-keypairs/bellhop-${OLD}`],
      )
    }))

  it('are as old as Nova and Neutron say, in either way of writing it', () => {
    const ms = Date.UTC(2026, 10, 22, 10, 12, 33)
    for (const text of ['2026-11-22T10:12:33.000000', '2026-11-22T10:12:33Z', '2026-11-22T11:12:33+01:00'])
      assert.equal(timeOf(text), ms)
    assert.ok(!(timeOf('yesterday') < ms))
  })
})
