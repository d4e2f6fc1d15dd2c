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

it('a timeline line of a way without a sign of the guest names the way and the bound', () => {
  const detail = 'no sign of the guest by disk within 120 s'
  assert.equal(
    timelineLine({ ...EVENT, kind: 'silent', source: 'service', method: 'disk', detail }, 0),
    '  61.5 s  silent    disk      service     no sign of the guest by disk within 120 s',
  )
})

it('a timeline line of later is less fine', () => {
  const at = (ms: number): string =>
    timelineLine({ ...EVENT, at: ms }, 0)
      .trim()
      .split(' ')[0] ?? ''
  assert.deepEqual([1_000_000, 3_599_999, 11_520_000, 183_600_000].map(at), ['16m40s', '59m59s', '3h12m', '2d3h'])
})

it('a timeline line lets no guest speak to the terminal', () => {
  const said = timelineLine({ ...EVENT, path: '/a\u001b[2J', detail: 'x\u009b31m\r\ny' }, 0)
  assert.match(said, /\/a \[2J {2}x 31m y$/)
})
