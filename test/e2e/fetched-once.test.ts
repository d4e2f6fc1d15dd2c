import assert from 'node:assert/strict'
import { it } from 'node:test'
import { creation, MEMORY_CONFIG, startGateway, type Gateway } from './gateway.ts'

it('a guest that fetches its user data, and once more after a restart, has fetched them once', async (t) => {
  const first = await startGateway(t, { config: MEMORY_CONFIG })
  const made = await first.ask('/compute/', creation('#!/bin/sh\n'))
  const id = made.headers.get('location')?.split('/').at(-1) ?? ''
  await fetchUserData(first, id)
  assert.equal(await first.stop(), 0)

  const second = await startGateway(t, { config: MEMORY_CONFIG, folder: first.folder })
  await fetchUserData(second, id)
  assert.equal(await second.stop(), 0)

  // Whoever is told to stop writes all that was recorded.
  const third = await startGateway(t, { config: MEMORY_CONFIG, folder: first.folder })
  const { events } = (await (await third.ask(`/api/v1/instances/${id}/events`)).json()) as {
    readonly events: readonly { readonly kind: string; readonly source: string }[]
  }
  assert.deepEqual(
    events.filter(({ source }) => source === 'metadata').map(({ kind }) => kind),
    ['fetched', 'access'],
  )
})

async function fetchUserData({ ask }: Gateway, id: string): Promise<void> {
  const { seedUrl } = (await (await ask(`/api/v1/instances/${id}`)).json()) as { readonly seedUrl: string }
  const answer = await fetch(`${seedUrl}user-data`)
  assert.equal(await answer.text(), '#!/bin/sh\n')
}
