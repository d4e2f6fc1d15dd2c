import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { isCloudError } from '../model/errors.ts'
import { detect } from './index.ts'
import { parseMime } from './mime.ts'
import { wrapUserData } from './wrapped.ts'

const BESIDE = '#cloud-config\nreporting:\n  bellhop: {type: print}\n'

function partsOf(userData: Uint8Array) {
  return parseMime(Buffer.from(wrapUserData(userData, BESIDE)).toString('latin1'))
}

describe('user data that are wrapped', () => {
  for (const [format, contentType, text] of [
    ['script', 'text/x-shellscript', '#!/bin/sh\necho Grüße\n'],
    ['cloud-config', 'text/cloud-config', '#cloud-config\r\nruncmd: [ls]\r\n'],
    ['include', 'text/x-include-url', '#include\nhttp://192.0.2.1/\n'],
    ['boothook', 'text/cloud-boothook', '#cloud-boothook\n#!/bin/sh\n'],
    ['jinja', 'text/jinja2', '## template: jinja\n#!/bin/sh\n'],
    ['archive', 'text/cloud-config-archive', "#cloud-config-archive\n- '#!/bin/sh'\n"],
    ['patch', 'text/cloud-config-jsonp', '#cloud-config-jsonp\n[{"op": "add", "path": "/runcmd", "value": ["ls"]}]\n'],
  ] as const)
    it(`are a part of their own type, whose bytes are theirs: ${format}`, () => {
      const userData = Buffer.from(text)
      const [theirs, ours, ...more] = partsOf(userData)
      assert.deepEqual(more, [])
      assert.deepEqual(
        [theirs?.contentType, theirs?.filename, Buffer.from(theirs?.bytes ?? [])],
        [contentType, undefined, userData],
      )
      assert.deepEqual(
        [
          ours?.contentType,
          ours?.filename,
          Buffer.from(ours?.bytes ?? [])
            .toString()
            .trim(),
        ],
        ['text/cloud-config', 'bellhop-reporting', BESIDE.trim()],
      )
      const { name, cloudInit } = detect(wrapUserData(userData, BESIDE))
      assert.deepEqual([name, cloudInit], ['multipart', 'runs'])
    })

  it('stay packed where they are', () => {
    const userData = gzipSync('#!/bin/sh\n')
    const [theirs] = partsOf(userData)
    assert.deepEqual([theirs?.contentType, Buffer.from(theirs?.bytes ?? [])], ['application/gzip', userData])
  })

  it('are untouched, whatever stands in them', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const userData = Buffer.from(`#!/bin/sh\n: <<'END'\n${text.replaceAll('\0', '')}\nEND\n`)
        assert.deepEqual(Buffer.from(partsOf(userData)[0]?.bytes ?? []), userData)
      }),
    )
  })

  for (const [what, text] of [
    ['a message', 'MIME-Version: 1.0\nContent-Type: text/cloud-config\n\n#cloud-config\n{}\n'],
    ['what only HEPiX’s programs read as a whole', '#!/bin/sh\nexit 0\n[amiconfig]\nplugins = cernvm\n'],
    ['what cloud-init ignores', '{"a": 1}'],
    ['packed, and would not be the same unpacked', gzipSync('#!/bin/sh\necho Grüße\n')],
    ['nothing', ''],
  ] as const)
    it(`are refused where they are ${what}`, () => {
      assert.throws(
        () => wrapUserData(Buffer.from(text), BESIDE),
        (error) => isCloudError(error, 'unsupported') && error.message.startsWith('wrap: userData is '),
      )
    })
})
