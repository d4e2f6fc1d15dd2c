import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { ContextEvent } from '../model/events.ts'
import { timelineLine } from './timeline.ts'

const EVENT: ContextEvent = { at: 61_500, instanceId: 'i', revision: 1, kind: 'fetched', source: 'metadata' }

it('a timeline line says when, what, which way, who saw it, and the details', () => {
  assert.equal(
    timelineLine(
      { ...EVENT, method: 'metadata', path: '/latest/user-data', bytes: 18, sha256: 'ab'.repeat(32), exitCode: 0 },
      60_000,
    ),
    '   1.5 s  fetched   metadata  metadata    /latest/user-data  18 B  exit code 0  sha256 abababababab…',
  )
})

it('a timeline line without details ends without blanks', () => {
  assert.equal(timelineLine(EVENT, 61_500), '   0.0 s  fetched             metadata')
})
