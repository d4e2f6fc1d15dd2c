import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { isCloudError } from '../../model/errors.ts'
import { factsOf } from './server-facts.ts'
import { readServer, readServers, toRemoteInstance, type Server } from './server-state.ts'

async function recorded(name: string): Promise<unknown> {
  const text = await readFile(join(import.meta.dirname, 'testdata', `${name}.http`), 'utf8')
  const answer = text.slice(text.indexOf('\n###\n') + 5)
  return JSON.parse(answer.slice(answer.indexOf('\n\n') + 2))
}

describe('a server as a real Nova shows it', () => {
  it('is an instance', async () => {
    const server = readServer(await recorded('nova-server-show-2.90'), 'x')
    assert.deepEqual(toRemoteInstance(server), {
      remoteId: 'f1b09edf-b441-40d6-b24c-ec1e9206ea13',
      state: 'active',
      facts: factsOf(server),
    })
  })

  it('says why it failed', async () => {
    const { state, reason } = toRemoteInstance(readServer(await recorded('nova-server-fault'), 'x'))
    assert.deepEqual([state, reason], ['error', 'No valid host was found.'])
  })

  it('has a state that we know, or an unknown one', () => {
    const server = (status: string, task: string | null = null): Server => ({
      id: 'a',
      name: 'a',
      status,
      'OS-EXT-STS:task_state': task,
    })
    for (const [status, state] of [
      ['BUILD', 'creating'],
      ['SHUTOFF', 'inactive'],
      ['PAUSED', 'suspended'],
      ['SUSPENDED', 'suspended'],
      ['SOFT_DELETED', 'deleted'],
      ['A_NEW_ONE', 'unknown'],
    ] as const)
      assert.equal(toRemoteInstance(server(status)).state, state)
    assert.equal(toRemoteInstance(server('ACTIVE', 'deleting')).state, 'deleting')
  })

  it('is refused where it is something else', () => {
    for (const json of [{}, { server: { id: 1 } }, [], null, { servers: [{}] }]) {
      for (const read of [() => readServer(json, 'site: get'), () => readServers(json, 'site: list')])
        assert.throws(read, (error) => isCloudError(error, 'provider-failed'))
    }
  })
})
