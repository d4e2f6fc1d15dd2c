import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { Getter, Layout } from '../../src/layouts/layout.ts'
import type { Context } from '../../src/model/context.ts'
import { isCloudError } from '../../src/model/errors.ts'
import { isListing, listing, type Files } from '../../src/model/files.ts'
import { contexts as anyContexts } from './layout-contexts.ts'

/** One layout under test. */
export interface LayoutUnderTest {
  readonly name: string
  readonly layout: Layout
  /** What a guest reads of a context where the layout cannot say it as it is, with the reason beside it. */
  readonly carried?: (context: Context) => Context
  /** Contexts that it can write, where there are others; those it refuses, which its own tests show. Default: all. */
  readonly writable?: fc.Arbitrary<Context>
  /** What a listing names and the metadata server answers, though no file has it. */
  readonly answeredElsewhere?: readonly string[]
}

/** What every layout does. */
export function testLayout({
  name,
  layout,
  carried = (context) => context,
  writable: contexts = anyContexts,
  answeredElsewhere = [],
}: LayoutUnderTest): void {
  const { carries } = layout

  describe(`a layout: ${name}`, () => {
    it('gives back of every context all that it carries', async () => {
      await fc.assert(
        fc.asyncProperty(contexts, async (context) => {
          const read = await layout.read(getterOf(layout.render(context)))
          if (carries.every((key) => isNothing(carried(context)[key]))) return
          assert.ok(read, 'it knows its own files')
          for (const key of carries) assert.deepEqual(plain(read[key]), plain(carried(context)[key]), key)
        }),
        { numRuns: 200 },
      )
    })

    it('is the same for the same context, in the same order', () => {
      fc.assert(
        fc.property(contexts, (context) => {
          const [one, other] = [layout.render(context), layout.render(structuredClone(context))]
          assert.deepEqual([...plainFiles(one)], [...plainFiles(other)])
        }),
        { numRuns: 50 },
      )
    })

    it('has relative paths alone, and no file where another needs a folder', () => {
      fc.assert(
        fc.property(contexts, (context) => {
          const files = layout.render(context)
          for (const path of files.keys()) {
            if (path === '/') continue
            const names = path.replace(/\/$/, '').split('/')
            for (const each of names) assert.ok(!['', '.', '..'].includes(each) && !each.includes('\0'), path)
            for (let depth = 1; depth < names.length; depth++)
              assert.ok(!files.has(names.slice(0, depth).join('/')), path)
          }
        }),
        { numRuns: 100 },
      )
    })

    it('marks the user data, and nothing else, as the user data', () => {
      fc.assert(
        fc.property(contexts, (context) => {
          const marked = [...layout.render(context).values()].filter(({ role }) => role === 'user-data')
          if (context.userData === undefined) return assert.equal(marked.length, 0)
          assert.ok(marked.length > 0)
          for (const { bytes } of marked) assert.deepEqual(Buffer.from(bytes), Buffer.from(marked[0]?.bytes ?? []))
        }),
        { numRuns: 50 },
      )
    })

    it('lists no name that it would not answer', () => {
      fc.assert(
        fc.property(contexts, (context) => {
          const files = layout.render(context)
          for (const folder of foldersOf(files))
            for (const line of linesOf(files, folder)) assert.ok(isAnswered(line, folder, files), `${folder}: ${line}`)
        }),
        { numRuns: 50 },
      )
    })

    it('finds nothing where nothing is', async () => {
      assert.equal(await layout.read(async () => undefined), undefined)
    })

    it('reads or refuses as invalid whatever stands in its files', async () => {
      const json = fc.json({ stringUnit: fc.constantFrom('a', '_', ':', '1', 'é') }).map((text) => Buffer.from(text))
      const bytes = fc.oneof(fc.uint8Array(), json, fc.constant(undefined))
      await fc.assert(
        fc.asyncProperty(contexts, fc.infiniteStream(fc.option(bytes, { freq: 2 })), async (context, changes) => {
          const files = [...layout.render(context)]
          const given = new Map(
            files.map(([path, entry]) => {
              const change = changes.next().value
              return [path, change === null ? entry.bytes : change] as const
            }),
          )
          await layout
            .read(async (path) => given.get(path))
            .catch((error: unknown) => {
              assert.ok(isCloudError(error, 'invalid'), String(error instanceof Error ? error.stack : error))
            })
        }),
        { numRuns: 200 },
      )
    })
  })

  function isAnswered(line: string, folder: string, files: Files): boolean {
    const file = line.replace(/^(\d+)=.*$/, '$1/').replace(/\/$/, '')
    if (answeredElsewhere.includes(file)) return true
    const path = folder === '' ? file : `${folder}/${file}`
    const meant = layout.canonical ? layout.canonical(path) : path
    return meant !== undefined && (files.has(meant) || listing(files, meant) !== undefined)
  }
}

function foldersOf(files: Files): ReadonlySet<string> {
  const folders = new Set<string>()
  for (const path of files.keys())
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1))
      folders.add(path.slice(0, slash))
  return folders
}

function linesOf(files: Files, folder: string): readonly string[] {
  return Buffer.from(listing(files, folder) ?? [])
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
}

function getterOf(files: Files): Getter {
  return async (path) => files.get(path)?.bytes
}

/** Nothing of it has to be written down. */
function isNothing(value: unknown): boolean {
  return value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
}

/** Bytes compare alike, be they a Buffer or not; objects compare by what is in them. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return new Map(Object.entries(value).map(([key, member]) => [key, plain(member)]))
}

function* plainFiles(files: Files): Iterable<readonly [string, unknown]> {
  for (const [path, entry] of files)
    yield [path, isListing(path) ? Buffer.from(entry.bytes).toString('utf8') : plain(entry)]
}
