import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { globSync, readFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { ALICE, BOB, READER, URL_BASE } from '../../../test/e2e/asking.ts'
import { type OcciClientOptions } from '../../../test/e2e/occi-client.ts'
import { openService } from '../../../test/e2e/service.ts'
import type { Caller } from '../../model/instance.ts'
import { headerValues, type HttpRequest, type HttpResponse } from '../http.ts'
import { readHead } from '../raw.ts'
import { occiFrontend } from './index.ts'

/*
 * Whole exchanges, as real clients have them; how the files are written: testdata/README.md.
 */

const EXCHANGES = new URL('testdata/exchanges/', import.meta.url)

/** Whoever sends another token, or none, is Alice. */
const CALLERS: Readonly<Record<string, Caller>> = { blue: BOB, reader: READER }

/** A line of a file, with its number. */
interface Line {
  readonly number: number
  readonly text: string
}

/** One request, and the answer that is expected. */
interface Exchange {
  readonly request: readonly string[]
  readonly answer: readonly Line[]
}

/** What a file says. */
interface Conversation {
  readonly source: string
  readonly options: OcciClientOptions
  readonly exchanges: readonly Exchange[]
}

/** What was found where `{{name}}` stood, by that name. */
type Found = Map<string, string>

for (const file of globSync('**/*.http', { cwd: EXCHANGES }).toSorted()) {
  const { source, options, exchanges } = readConversation(readFileSync(new URL(file, EXCHANGES), 'utf8'))
  test(`${file.replace(/\.http$/, '')} (${source})`, async (t) => {
    const ask = await openFrontend(t, options)
    const found: Found = new Map()
    for (const { request, answer } of exchanges) {
      const lines = request.map((line) => filled(line, found))
      const response = await ask(toRequest(lines))
      await nextMillisecond()
      const context = `> ${lines[0]}\n${shown(response)}`
      requireAlways(response, context)
      requireMatch(answer, response, found, (number, problem) => `${file}:${number} ${problem}\n\n${context}`)
    }
  })
}

async function openFrontend(t: TestContext, { userData, ...options }: OcciClientOptions) {
  const { service, close } = await openService(options)
  t.after(close)
  const occi = occiFrontend({ service, publicUrl: URL_BASE, version: '1.0', ...(userData ? { userData } : {}) })
  return async (request: HttpRequest): Promise<HttpResponse> =>
    await occi(request, CALLERS[headerValues(request, 'X-Auth-Token')[0] ?? ''] ?? ALICE)
}

/** Lists are in the order of creation, which is known to the millisecond; no client is so fast. */
async function nextMillisecond(): Promise<void> {
  const now = Date.now()
  while (Date.now() === now) await setImmediate()
}

function readConversation(text: string): Conversation {
  const exchanges: { request: string[]; answer: Line[] }[] = []
  const [source = ''] = /^# \S.*/.exec(text) ?? []
  assert.notEqual(source, '', 'the first line names the source')
  let options: OcciClientOptions = {}
  for (const [index, line] of text.split('\n').entries()) {
    const [mark, content] = [line[0], line.slice(2)]
    const last = exchanges.at(-1)
    if (mark === '>') {
      if (last && last.answer.length === 0) last.request.push(content)
      else exchanges.push({ request: [content], answer: [] })
    } else if (mark === '<') {
      last?.answer.push({ number: index + 1, text: line[1] === '!' ? line.slice(1) : content })
    } else if (mark === '@') options = JSON.parse(content) as OcciClientOptions
    else assert.match(line, /^(?:#.*)?$/, `line ${index + 1} is neither request nor answer nor comment`)
  }
  assert.ok(exchanges.length > 0 && exchanges.every(({ answer }) => answer.length > 0), 'each request has its answer')
  return { source: source.slice(2), options, exchanges }
}

/** The request as the real adapter would hand it on. */
function toRequest([requestLine = '', ...lines]: readonly string[]): HttpRequest {
  const end = lines.includes('') ? lines.indexOf('') : lines.length
  const [method = '', target = '', protocol] = requestLine.split(' ')
  assert.equal(protocol, 'HTTP/1.1', requestLine)
  const rawHeaders = lines.slice(0, end).flatMap((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), Buffer.from(line.slice(colon + 1).trim(), 'utf8').toString('latin1')]
  })
  const head = readHead(method, target, rawHeaders)
  const body = Buffer.from(toBody(lines.slice(end + 1)), 'utf8')
  for (const length of headerValues(head, 'Content-Length')) assert.equal(Number(length), body.length, requestLine)
  return { ...head, body }
}

/** Lines end in LF, or in what `␍` and `␊` say; the last one in nothing but these. */
function toBody(lines: readonly string[]): string {
  const isLast = (index: number): boolean => index === lines.length - 1
  return lines
    .map((line, index) => (isLast(index) || /[␍␊]$/.test(line) ? line : `${line}␊`))
    .join('')
    .replaceAll('␍', '\r')
    .replaceAll('␊', '\n')
}

function filled(line: string, found: Found): string {
  const text = withFound(line, found)
  assert.doesNotMatch(text, /\{\{\w+\}\}/, 'it is not known yet')
  return text
}

/** What clients need of every answer. */
function requireAlways(response: HttpResponse, context: string): void {
  const [type = '', ...more] = headerValues(response, 'Content-Type')
  assert.ok(type !== '' && more.length === 0, `jOCCI dies without a Content-Type\n\n${context}`)
  assert.deepEqual(headerValues(response, 'Server'), ['bellhop/1.0 OCCI/1.1 OCCI/1.2'], context)
  assert.equal(headerValues(response, 'Accept').length, 1, context)
  if (type !== 'text/occi')
    assert.deepEqual(headerValues(response, 'Link'), [], `rOCCI reads every Link as OCCI's\n\n${context}`)
}

/** What a problem at a line of the file is called. */
type Explain = (number: number, problem: string) => string

function requireMatch(answer: readonly Line[], response: HttpResponse, found: Found, explain: Explain): void {
  const end = answer.findIndex(({ text }) => text === '')
  const head = answer.slice(0, end === -1 ? undefined : end)
  for (const { number, text } of head.filter(isAbsence))
    assert.deepEqual(headerValues(response, text.slice(1).trim()), [], explain(number, 'must not be there'))
  const expected = head.filter((line) => !isAbsence(line))
  const names = new Set(expected.slice(1).map(({ text }) => text.slice(0, text.indexOf(':')).toLowerCase()))
  const sent = [`${response.status}`, ...[...names].flatMap((name) => headerLines(response, name))]
  requireLines(expected, sent, found, explain)
  // Without an empty line the body is not looked at: HEAD has none, and some say nothing new.
  if (end !== -1) requireLines(answer.slice(end), ['', ...bodyLines(response)], found, explain)
}

function isAbsence({ text }: Line): boolean {
  return text.startsWith('!')
}

function requireLines(expected: readonly Line[], actual: readonly string[], found: Found, explain: Explain): void {
  let at = 0
  let mayFollow = false
  for (const { number, text } of expected) {
    if (text === '…') {
      mayFollow = true
      continue
    }
    const next: number = mayFollow ? actual.findIndex((line, index) => index >= at && matches(text, line, found)) : at
    const line: string | undefined = actual[next]
    assert.ok(line !== undefined, explain(number, `is missing: ${text}`))
    assert.ok(matches(text, line, found), explain(number, `differs:\n- ${withFound(text, found)}\n+ ${line}`))
    at = next + 1
    mayFollow = false
  }
  const last = expected.at(-1)?.number ?? 0
  assert.ok(mayFollow || at === actual.length, explain(last, `is followed by:\n+ ${actual[at]}`))
}

/** Whether a line is as expected; what stands where `{{name}}` is new is known by that name from then on. */
function matches(expected: string, line: string, found: Found): boolean {
  const names = new Set<string>()
  const pattern = withFound(expected, found)
    .split(/(\{\{\w+\}\}|…)/)
    .map((part, index) => {
      if (index % 2 === 0) return part.replaceAll(/[^\w\s]/g, String.raw`\$&`)
      if (part === '…') return '.*'
      const name = part.slice(2, -2)
      if (names.has(name)) return String.raw`\k<${name}>`
      names.add(name)
      return String.raw`(?<${name}>[^\s"/?,;<>]+)`
    })
  const match = new RegExp(`^${pattern.join('')}$`, 's').exec(line)
  for (const [name, value] of Object.entries(match?.groups ?? {})) found.set(name, value)
  return match !== null
}

function withFound(line: string, found: Found): string {
  return line.replaceAll(/\{\{(\w+)\}\}/g, (all, name: string) => found.get(name) ?? all)
}

/** As they were sent, name and all. */
function headerLines({ headers }: HttpResponse, wanted: string): readonly string[] {
  return headers.filter(([name]) => name.toLowerCase() === wanted).map(([name, value]) => `${name}: ${value}`)
}

/** JSON with its members a line each. */
function bodyLines(response: HttpResponse): readonly string[] {
  const text = Buffer.from(response.body).toString('utf8')
  const isJson = headerValues(response, 'Content-Type').some((type) => /[/+]json\b/.test(type))
  if (text === '') return []
  return (isJson ? JSON.stringify(JSON.parse(text), undefined, 2) : text).split('\n')
}

function shown(response: HttpResponse): string {
  const headers = response.headers.map(([name, value]) => `${name}: ${value}`)
  return [`${response.status}`, ...headers, '', ...bodyLines(response)].map((line) => `< ${line}`).join('\n')
}
