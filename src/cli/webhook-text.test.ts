import assert from 'node:assert/strict'
import { test } from 'node:test'
import { webhooksTable, webhookText, type Webhook } from './webhook-text.ts'

const CREATED = '2026-01-01T12:00:00.000Z'
const NOW = Date.parse(CREATED) + 90_000
const EVIL = 'a\u001b[31m\u009b31m\u202e\nb'

const WEBHOOK: Webhook = {
  id: '3f0c1111-0000-4000-8000-000000000001',
  url: 'https://portal.example.org/hook',
  kinds: ['planned', 'offered', 'fetched', 'finished', 'applied', 'failed', 'silent', 'state'],
  state: 'on',
  failures: 0,
  missed: 0,
  createdAt: CREATED,
}

test('a list says most kinds in few words, and names few as they are', () => {
  const webhooks: readonly Webhook[] = [
    WEBHOOK,
    { ...WEBHOOK, id: '4f', kinds: ['access', ...WEBHOOK.kinds], failures: 12 },
    { ...WEBHOOK, id: '5f', kinds: ['applied', 'failed'], state: 'off' },
  ]
  assert.equal(
    webhooksTable(webhooks),
    [
      'ID        STATE  KINDS            FAILURES  URL',
      '3f0c1111  on     all but access          0  https://portal.example.org/hook',
      '4f        on     all                    12  https://portal.example.org/hook',
      '5f        off    applied, failed         0  https://portal.example.org/hook',
    ].join('\n'),
  )
})

test('one says why its last try failed, and when the next is made', () => {
  const failing = { failures: 2, reason: 'answers 500', nextAt: '2026-01-01T12:02:00.000Z', missed: 1 }
  const text = webhookText({ ...WEBHOOK, ...failing }, NOW)
  assert.match(text, /^failures {2}2$/m)
  assert.match(text, /^reason {4}answers 500$/m)
  assert.match(text, /^next try {2}2026-01-01T12:02:00\.000Z \(in 30 s\)$/m)
  assert.match(text, /^missed {4}1 event$/m)
  assert.match(webhookText({ ...WEBHOOK, ...failing }, NOW + 60_000), /^next try .*Z \(now\)$/m)
})

test('one that never failed has neither, and its URL whole', () => {
  const url = `https://portal.example.org/${'x'.repeat(500)}`
  const text = webhookText({ ...WEBHOOK, url }, NOW)
  assert.doesNotMatch(text, /^(?:reason|next try)/m)
  assert.match(text, new RegExp(`^URL +${url}$`, 'm'))
  assert.match(text, /^created +2026-01-01T12:00:00\.000Z \(90 s ago\)$/m)
})

test('nothing that a gateway says is obeyed by the terminal, or begins a line of its own', () => {
  const evil: Webhook = { ...WEBHOOK, id: EVIL, url: EVIL, reason: EVIL, nextAt: EVIL, createdAt: EVIL }
  for (const [text, lines] of [
    [webhooksTable([evil]), 2],
    [webhookText(evil, NOW), 9],
  ] as const) {
    assert.doesNotMatch(text, /[\0-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]/)
    assert.equal(text.split('\n').length, lines)
  }
})
