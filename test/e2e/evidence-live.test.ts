import assert from 'node:assert/strict'
import { it } from 'node:test'
import { creation, MEMORY_CONFIG, startGateway } from './gateway.ts'

it('a guest is told of its data, and heard, for as long as its instance is there: also one that asks while that is deleted', async (t) => {
  const gateway = await startGateway(t, { config: MEMORY_CONFIG })
  const rounds = 10
  for (let round = 0; round < rounds; round++) {
    const made = await gateway.ask('/compute/', creation('#!/bin/sh\n'))
    const id = made.headers.get('location')?.split('/').at(-1) ?? ''
    const { seedUrl } = (await (await gateway.ask(`/api/v1/instances/${id}`)).json()) as { seedUrl: string }
    const reportUrl = seedUrl.replace('/seed/', '/report/').replace(/\/$/, '')
    const read = async (): Promise<number> => await statusOf(`${seedUrl}user-data`)
    const report = async (): Promise<number> =>
      await statusOf(reportUrl, { method: 'POST', body: '{"agent":"agent","stage":"finished"}' })
    assert.deepEqual([await read(), await report()], [200, 200])
    assert.equal(
      await statusOf(`${reportUrl.slice(0, -1)}${reportUrl.endsWith('A') ? 'B' : 'A'}`, { method: 'POST' }),
      404,
    )

    const deleted = new AbortController()
    const asking = Array.from({ length: 4 }, async () => {
      while (!deleted.signal.aborted) await read()
    })
    assert.equal((await gateway.ask(`/compute/${id}`, { method: 'DELETE' })).status, 200)
    deleted.abort()
    await Promise.all(asking)
    assert.deepEqual([await read(), await report()], [404, 404])
  }
})

async function statusOf(url: string, init: RequestInit = {}): Promise<number> {
  const response = await fetch(url, init)
  await response.arrayBuffer()
  return response.status
}
