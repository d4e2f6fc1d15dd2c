import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { asPythonEncodes, parseMime } from './mime.ts'

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')

/** A message of parts in base64, as Python's email package writes them. */
function message(parts: readonly Uint8Array[], boundary: string): string {
  const head = `Content-Type: multipart/mixed; boundary="${boundary}"\nMIME-Version: 1.0\n\n`
  const bodies = parts.map((bytes) => {
    const lines = Buffer.from(bytes).toString('base64').replaceAll(/.{76}/g, '$&\n')
    return `--${boundary}\nContent-Type: text/x-shellscript; charset="utf-8"\nContent-Transfer-Encoding: base64\n\n${lines}\n`
  })
  return `${head}${bodies.join('')}--${boundary}--\n`
}

describe('parseMime', () => {
  it('reads what cloud-init make-mime writes', () => {
    const text = readFileSync(new URL('./testdata/user-data/multipart--make-mime', import.meta.url), 'utf8')
    const parts = parseMime(text)
    assert.deepEqual(
      parts.map(({ contentType, filename, bytes, changed }) => [contentType, filename, textOf(bytes), changed]),
      [
        ['text/x-shellscript', 'setup.sh', '#!/bin/sh\necho Grüße\n', false],
        ['text/cloud-config', 'config.yaml', '#cloud-config\nruncmd: [ls]\n', false],
      ],
    )
  })

  it('gives back the bytes of every part', () => {
    const parts = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 })
    const boundary = fc.constantFrom('b', '===============1234567890==', 'a.b+c(d)', "it's")
    fc.assert(
      fc.property(parts, boundary, (sent, name) => {
        const received = parseMime(message(sent, name))
        assert.deepEqual(
          received.map(({ bytes }) => Buffer.from(bytes)),
          sent.map((bytes) => Buffer.from(bytes)),
        )
      }),
    )
  })

  it('reads headers that go on, that come twice, and that are missing', () => {
    const text = 'Content-Type: text/cloud-config;\n name="a \\"b\\""\ncontent-type: text/plain\nX: y\n\na: 1\n'
    const [part] = parseMime(text)
    assert.equal(part?.contentType, 'text/cloud-config')
    assert.equal(part.filename, 'a "b"')
    assert.equal(textOf(part.bytes), 'a: 1\n')
    assert.equal(parseMime('no header\n\nat all')[0]?.contentType, 'text/plain')
    assert.equal(textOf(parseMime('no header\n\nat all')[0]?.bytes ?? Buffer.alloc(0)), 'no header\n\nat all')
  })

  it('undoes quoted-printable', () => {
    const text = 'Content-Transfer-Encoding: quoted-printable\n\ncaf=C3=A9 =\nau lait  \n'
    assert.equal(textOf(parseMime(text)[0]?.bytes ?? Buffer.alloc(0)), 'café au lait\n')
  })

  it('changes characters beyond ASCII as Python does, and says so', () => {
    assert.equal(Buffer.from(asPythonEncodes('é€😀a')).toString('latin1'), '\xe9\\u20ac\\U0001f600a')
    const [part] = parseMime('Content-Type: text/plain\n\né')
    assert.deepEqual([part?.changed, [...(part?.bytes ?? [])]], [true, [0xe9]])
  })

  it('bears whatever it is given', () => {
    const pieces = fc.constantFrom(
      '--b\n',
      '--b--\n',
      '\n',
      '\r\n',
      'Content-Type: multipart/mixed; boundary=b\n',
      'x: y\n',
      ' z\n',
      '--b',
    )
    fc.assert(fc.property(fc.array(pieces), (lines) => void parseMime(lines.join(''))))
  })
})
