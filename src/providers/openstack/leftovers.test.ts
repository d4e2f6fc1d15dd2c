import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { lentKeys } from './keys.ts'
import { removeLeftovers } from './leftovers.ts'
import { novaServers } from './servers.ts'
import { jsonReply, withReplayedSession } from './testdata/session.ts'

const [ALIVE, DEAD, LINK] = [
  '0b450db4-423f-4927-94c6-88bd035ad269',
  '5a1d1c5e-7d53-4a0c-8a51-2f6b7c3a9e10',
  '7d0f3a52-54a8-4a60-a2cb-4a1c4b8d4c11',
]
const OLD = { created_at: '2026-11-22T09:00:00Z' }
const YOUNG = { created_at: '2026-11-22T10:00:01Z' }

const card = (id: string, ourId: string, more: object): object => ({
  id,
  name: `bellhop:${LINK}`,
  description: `bellhop:${ourId}`,
  mac_address: '',
  device_id: '',
  fixed_ips: [],
  ...more,
})
const address = (id: string, ourId: string, port_id: string | null, more: object): object => ({
  id,
  floating_ip_address: '192.0.2.1',
  description: `bellhop:${LINK} bellhop:${ourId}`,
  port_id,
  ...more,
})

describe('what a crash left', () => {
  it('goes when it is old and its server is not there, and nothing else does', () =>
    withReplayedSession(async ({ cloud, session, asked }) => {
      const lists: Readonly<Record<string, object>> = {
        '/v2.1/os-keypairs': { keypairs: [] },
        '/v2.0/ports': {
          ports: [
            card('dead', DEAD, OLD),
            card('young', DEAD, YOUNG),
            card('used', DEAD, { ...OLD, device_id: 'another' }),
            card('alive', ALIVE, OLD),
            card('foreign', DEAD, { ...OLD, name: 'theirs' }),
          ],
        },
        '/v2.0/floatingips': {
          floatingips: [
            address('free', DEAD, null, OLD),
            address('to-dead', DEAD, 'dead', OLD),
            address('to-used', DEAD, 'used', OLD),
            address('of-young', DEAD, null, YOUNG),
            address('of-alive', ALIVE, null, OLD),
          ],
        },
        '/v2.1/servers/detail': {
          servers: [{ id: 's', name: 'x', status: 'ACTIVE', tags: [`bellhop:${ALIVE}`] }],
        },
      }
      cloud.answer = ({ method, path }) => {
        if (method === 'DELETE') return { status: 204 }
        const list = lists[path]
        return list && jsonReply(list)
      }
      const workers = { session, servers: novaServers(session, 'site', 90), keys: lentKeys(session, 90) }
      await removeLeftovers(workers, 'site', Date.parse('2026-11-22T10:00:00Z'))
      assert.deepEqual(
        asked().filter((line) => !line.startsWith('GET ')),
        ['DELETE /v2.0/floatingips/free', 'DELETE /v2.0/floatingips/to-dead', 'DELETE /v2.0/ports/dead'],
      )
    }))
})
