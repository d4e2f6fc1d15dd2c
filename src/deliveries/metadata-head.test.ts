import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { parseHead } from './metadata-head.ts'

const parse = (...lines: readonly string[]) => parseHead(lines.join('\r\n'), 10)

describe("a request's head", () => {
  it('is read as it came, but for the case of names', () => {
    assert.deepEqual(parse('GET /latest/user-data?x HTTP/1.1', 'Host: 169.254.169.254', 'x-ODD:\t a  b \t', 'Empty:'), {
      method: 'GET',
      target: '/latest/user-data?x',
      headers: ['host', '169.254.169.254', 'x-odd', 'a  b', 'empty', ''],
      contentLength: 0,
      keepAlive: true,
      expectsContinue: false,
    })
  })

  it('says how long the body is', () => {
    const head = parse('POST /report HTTP/1.1', 'Host: x', 'content-length: 12', 'Expect: 100-Continue')
    assert.ok(typeof head === 'object')
    assert.deepEqual([head.contentLength, head.expectsContinue], [12, true])
  })

  it('says whether the connection stays', () => {
    const stays = (...lines: readonly string[]) => {
      const head = parse(...lines)
      return typeof head === 'object' && head.keepAlive
    }
    assert.equal(stays('GET / HTTP/1.1', 'Host: x'), true)
    assert.equal(stays('GET / HTTP/1.1', 'Host: x', 'Connection: keep-alive'), true)
    assert.equal(stays('GET / HTTP/1.1', 'Host: x', 'Connection: x, Close'), false)
    assert.equal(stays('GET / HTTP/1.1'), false)
    assert.equal(stays('GET / HTTP/1.0', 'Host: x'), false)
    assert.equal(stays('GET / HTTP/1.0', 'Host: x', 'Connection: keep-alive'), false)
  })

  const REFUSED: readonly (readonly [status: number, why: string, ...lines: readonly string[]])[] = [
    [400, 'no request line', ''],
    [400, 'HTTP/0.9', 'GET /'],
    [400, 'two blanks', 'GET  / HTTP/1.1'],
    [400, 'a blank at the end', 'GET / HTTP/1.1 '],
    [400, 'a blank in the target', 'GET /a b HTTP/1.1'],
    [400, 'no ASCII in the target', 'GET /\u00fc HTTP/1.1'],
    [400, 'another protocol', 'GET / HTTPS/1.1'],
    [505, 'another version', 'GET / HTTP/2.0'],
    [400, 'a name without colon', 'GET / HTTP/1.1', 'Host'],
    [400, 'a line without name', 'GET / HTTP/1.1', ': x'],
    [400, 'a blank before the colon', 'GET / HTTP/1.1', 'Host : x'],
    [400, 'a folded line', 'GET / HTTP/1.1', 'Host: x', ' y'],
    [400, 'NUL', 'GET / HTTP/1.1', 'Host: x\0'],
    [400, 'half of a line end', 'GET / HTTP/1.1', 'Host: x\nContent-Length: 1'],
    [400, 'the other half', 'GET / HTTP/1.1', 'Host: x\rContent-Length: 1'],
    [400, 'two hosts', 'GET / HTTP/1.1', 'Host: x', 'Host: x'],
    [400, 'two lengths', 'POST / HTTP/1.1', 'Content-Length: 1', 'Content-Length: 1'],
    [400, 'a list of lengths', 'POST / HTTP/1.1', 'Content-Length: 1, 1'],
    [400, 'a length with sign', 'POST / HTTP/1.1', 'Content-Length: +1'],
    [400, 'a negative length', 'POST / HTTP/1.1', 'Content-Length: -1'],
    [400, 'an empty length', 'POST / HTTP/1.1', 'Content-Length:'],
    [411, 'chunks', 'POST / HTTP/1.1', 'Transfer-Encoding: chunked'],
    [417, 'another expectation', 'POST / HTTP/1.1', 'Expect: miracles'],
    [431, 'more headers than there may be', 'GET / HTTP/1.1', ...Array.from({ length: 11 }, () => 'X: y')],
  ]
  for (const [status, why, ...lines] of REFUSED)
    it(`is refused with ${status}: ${why}`, () => assert.equal(parse(...lines), status))

  it('of any bytes is read or refused', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const head = parseHead(text, 10)
        assert.ok(typeof head === 'object' || [400, 411, 417, 431, 505].includes(head))
      }),
    )
  })
})
