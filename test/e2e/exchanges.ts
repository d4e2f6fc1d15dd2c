import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { globSync, readFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { headerValues, type HttpRequest, type HttpResponse } from '../../src/frontends/http.ts'
import { readHead } from '../../src/frontends/raw.ts'
import type { Caller } from '../../src/model/instance.ts'
import { ALICE, BOB, READER } from './asking.ts'

/** A front end as conversations need it. */
interface Speaker<Options> {
  /** @param options what the file says of the service */
  readonly open: (t: TestContext, options: Partial<Options>) => Promise<Ask>
  /** Checks what clients need of every answer. @param context the whole exchange, for people */
  readonly requireAlways: (response: HttpResponse, context: string) => void
}

/** Puts a request. */
type Ask = (request: HttpRequest, caller: Caller) => Promise<HttpResponse>

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
interface Conversation<Options> {
  readonly source: string
  readonly options: Partial<Options>
  readonly exchanges: readonly Exchange[]
}

/** What was found where `{{name}}` stood, by that name. */
type Found = Map<string, string>

/** A test for each conversation below a folder; how the files are written: src/frontends/occi/testdata/README.md. */
export function testExchanges<Options>(folder: URL, { open, requireAlways }: Speaker<Options>): void {
  for (const file of globSync('**/*.http', { cwd: folder }).toSorted()) {
    const { source, options, exchanges } = readConversation<Options>(readFileSync(new URL(file, folder), 'utf8'))
    test(`${file.replace(/\.http$/, '')} (${source})`, async (t) => {
      const ask = await open(t, options)
      const found: Found = new Map()
      for (const { request: lines, answer } of exchanges) {
        const filledLines = lines.map((line) => filled(line, found))
        const request = toRequest(filledLines)
        const response = await ask(request, CALLERS[headerValues(request, 'X-Auth-Token')[0] ?? ''] ?? ALICE)
        await nextMillisecond()
        const context = `> ${filledLines[0]}\n${shown(response)}`
        requireAlways(response, context)
        requireMatch(answer, response, found, (number, problem) => `${file}:${number} ${problem}\n\n${context}`)
      }
    })
  }
}

/** Lists are in the order of creation, which is known to the millisecond; no client is so fast. */
async function nextMillisecond(): Promise<void> {
  const now = Date.now()
  while (Date.now() === now) await setImmediate()
}

function readConversation<Options>(text: string): Conversation<Options> {
  const exchanges: { request: string[]; answer: Line[] }[] = []
  const [source = ''] = /^# \S.*/.exec(text) ?? []
  assert.notEqual(source, '', 'the first line names the source')
  let options: Partial<Options> = {}
  for (const [index, line] of text.split('\n').entries()) {
    const [mark, content] = [line[0], line.slice(2)]
    const last = exchanges.at(-1)
    if (mark === '>') {
      if (last && last.answer.length === 0) last.request.push(content)
      else exchanges.push({ request: [content], answer: [] })
    } else if (mark === '<') {
      last?.answer.push({ number: index + 1, text: line[1] === '!' ? line.slice(1) : content })
    } else if (mark === '@') options = JSON.parse(content) as Partial<Options>
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

/** JSON with its members a line each, XML with its tags. */
function bodyLines(response: HttpResponse): readonly string[] {
  const text = Buffer.from(response.body).toString('utf8')
  const type = headerValues(response, 'Content-Type')[0] ?? ''
  if (text === '') return []
  if (/[/+]json\b/.test(type)) return JSON.stringify(JSON.parse(text), undefined, 2).split('\n')
  return (/[/+]xml\b/.test(type) ? text.replaceAll('><', '>\n<') : text).split('\n')
}

function shown(response: HttpResponse): string {
  const headers = response.headers.map(([name, value]) => `${name}: ${value}`)
  return [`${response.status}`, ...headers, '', ...bodyLines(response)].map((line) => `< ${line}`).join('\n')
}
