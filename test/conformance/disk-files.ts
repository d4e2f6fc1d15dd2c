import { Buffer } from 'node:buffer'
import * as fc from 'fast-check'
import type { FileEntry, Files } from '../../src/model/files.ts'

/** A 1.8 KB file of its own bytes. */
export function smallFile(seed: number): FileEntry {
  return { bytes: Buffer.alloc(1800, `${seed} and so on, `) }
}

/** A tree with all that disks find hard: every kind of name, sizes around a sector's, depth, copies, many files in a folder. */
export function hardFiles(): Files {
  const userData = Buffer.from('#!/bin/sh\necho "ünï"\n')
  const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  const files = new Map<string, FileEntry>([
    ['user-data', { bytes: userData, mode: 0o600 }],
    ['openstack/latest/user_data', { bytes: userData, mode: 0o755, uid: 1000, gid: 65534 }],
    ['ec2/latest/user-data', { bytes: Buffer.from(userData) }],
    ['openstack/latest/meta_data.json', { bytes: Buffer.from('{"uuid": "x"}') }],
    ['empty', { bytes: Buffer.alloc(0) }],
    ['every-byte', { bytes: everyByte }],
    ['README', { bytes: Buffer.from('8.3 as it is\n') }],
    ['lower.txt', { bytes: Buffer.from('8.3 but for its case\n') }],
    ['.hidden', { bytes: Buffer.from('a leading dot\n') }],
    ['two.dots.tar.gz', { bytes: Buffer.from('dots\n') }],
    ['a blank in it', { bytes: Buffer.from('blank\n') }],
    ['a-b', { bytes: Buffer.from('1') }],
    ['a_b', { bytes: Buffer.from('2') }],
    ['a+b', { bytes: Buffer.from('3') }],
    ['conf.d/10-first.conf', { bytes: Buffer.from('a folder with a dot\n') }],
    ['größe/日本語.txt', { bytes: Buffer.from('unicode\n') }],
    ['😀 beyond the BMP', { bytes: Buffer.from('surrogates\n') }],
    [`${'l'.repeat(251)}.txt`, { bytes: Buffer.from('255 characters\n') }],
    [`${'l'.repeat(250)}2.txt`, { bytes: Buffer.from('another, the same but at its end\n') }],
    ['ü'.repeat(127), { bytes: Buffer.from('254 bytes\n') }],
    [Array.from({ length: 20 }, (_, i) => `level-${i}`).join('/'), { bytes: Buffer.from('deep\n') }],
  ])
  for (const sizeBytes of [1, 511, 512, 513, 2047, 2048, 2049, 4096, 100_000])
    files.set(`sizes/${sizeBytes}`, { bytes: Buffer.alloc(sizeBytes, `${sizeBytes},`) })
  for (let i = 0; i < 300; i++) files.set(`many/a-file-with-number-${i}.json`, { bytes: Buffer.from(`{"n": ${i}}`) })
  return files
}

// What no file system of ours forbids.
const EASY_NAME = fc.constantFrom(
  'user-data',
  'user_data',
  'meta-data',
  'latest',
  'META.JS',
  'a',
  'a.b',
  'A_B',
  '.x',
  'a b',
)
const LETTERS = fc.constantFrom(...Array.from('abcXYZ019_-+.,;=[]()~#äßÿŁ日本😀'))
const WILD_NAME = fc
  .string({ unit: LETTERS, minLength: 1, maxLength: 24 })
  .map((name) => `${name}x`)
  .filter((name) => name !== '.' && name !== '..')
const LONG_NAME = fc
  .tuple(fc.integer({ min: 50, max: 240 }), fc.constantFrom('', '.txt', '1', 'ä'))
  .map(([n, end]) => 'n'.repeat(n) + end)
const NAME = fc.oneof({ arbitrary: EASY_NAME, weight: 3 }, { arbitrary: WILD_NAME, weight: 2 }, LONG_NAME)
const PATH = fc.array(NAME, { minLength: 1, maxLength: 6 }).map((names) => names.join('/'))

const BYTES = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc.constantFrom(0, 512, 2048, 5000).map((sizeBytes) => new Uint8Array(sizeBytes).fill(0x41)),
)
const ID = fc.oneof(fc.constantFrom(0, 0xffffffff), fc.nat(65535))

/** Entries with all that Rock Ridge carries. */
export const fileEntries = fc.record({ bytes: BYTES, mode: fc.nat(0o7777), uid: ID, gid: ID })

/** Trees of files whose names differ by more than case, and where no file is another's folder. */
export const fileTrees: fc.Arbitrary<Files> = fc
  .array(fc.tuple(PATH, fileEntries), { maxLength: 25 })
  .map((entries) => {
    const files = new Map<string, FileEntry>()
    // Every path and each of its folders, folded, with the spelling that came first.
    const spellings = new Map<string, string>()
    for (const [path, entry] of entries) {
      const steps = path.split('/').map((_, i, names) => names.slice(0, i + 1).join('/'))
      const fits = steps.every((step, i) => {
        const known = spellings.get(step.toLowerCase())
        return known === undefined || (known === step && i < steps.length - 1 && !files.has(step))
      })
      if (!fits) continue
      for (const step of steps) spellings.set(step.toLowerCase(), step)
      files.set(path, entry)
    }
    return files
  })
