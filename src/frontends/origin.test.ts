import assert from 'node:assert/strict'
import { test } from 'node:test'
import { originCheck } from './origin.ts'

const check = originCheck({ publicUrl: 'https://Cloud.example.org:8787', allowedOrigins: ['https://desk.example.org'] })
const host = (value: string) => check({ headers: [['Host', value]] })
const origin = (value: string) =>
  check({
    headers: [
      ['Host', 'localhost'],
      ['Origin', value],
    ],
  })

test('answers to loopback and to its public name, on any port', () => {
  const ours = ['localhost', 'LOCALHOST:1', 'localhost.', '127.0.0.1:8787', '127.8.9.1', '[::1]', '[::1]:8787']
  for (const name of [...ours, 'cloud.example.org', 'CLOUD.example.org:443']) assert.equal(host(name), undefined, name)
  assert.equal(check({ headers: [] }), undefined)
})

test('answers to no other name', () => {
  const foreign = ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '10.0.2.2:8787', '[::2]', '']
  for (const name of [...foreign, '::1', 'cloud.example.org@evil.example', 'localhost:8787:1'])
    assert.match(host(name) ?? '', /this server is not called/, name)
})

test('refuses when one of several Host headers is foreign', () => {
  const headers: [string, string][] = [
    ['Host', 'localhost'],
    ['host', 'evil.example'],
  ]
  assert.match(check({ headers }) ?? '', /evil\.example/)
})

test('lets in its own pages and those that are configured', () => {
  assert.equal(origin('https://cloud.example.org:8787'), undefined)
  assert.equal(origin('https://desk.example.org'), undefined)
})

test('refuses all other pages, on the same host too', () => {
  for (const page of [
    'null',
    'https://cloud.example.org',
    'http://localhost:3000',
    'https://desk.example.org.evil',
    '',
  ])
    assert.match(origin(page) ?? '', /may not call this server/, page)
})
