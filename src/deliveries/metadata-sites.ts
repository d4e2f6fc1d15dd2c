import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CloudError, reasonOf } from '../model/errors.ts'
import { createBoundedCache } from './metadata-cache.ts'
import type { Guest } from './metadata-guests.ts'
import { isDue, newMark, type Mark } from './metadata-mark.ts'
import { bareReply, NOT_FOUND, replyOf, TEXT, type Reply } from './metadata-reply.ts'
import { ALLOWED } from './metadata-routes.ts'

/** A site's own scripts for its guests: gzip'd tar balls that HEPiX's amiconfig fetches by name. */
export interface SiteContexts {
  /** @returns `undefined` where there is none of this name */
  find(name: string): Promise<Uint8Array | undefined>
}

/** They are scripts: what is larger is a mistake, and would stand in the memory. */
const SITE_CONTEXT_MAX_BYTES = 16 * 1024 * 1024
const KEPT_MAX_BYTES = 64 * 1024 * 1024
const MARKS_MAX_BYTES = 4 * 1024 * 1024
/** Estimate of what an entry costs beside its bytes. */
const ENTRY_BYTES = 300

/** A file as it was read, and what it looked like then. */
interface Kept {
  readonly version: string
  readonly bytes: Uint8Array | undefined
}

/**
 * The site contexts in a folder. Each is read once, and again when it has changed.
 *
 * @param log is told what an operator should mend
 * @throws {CloudError} invalid when the folder cannot be used
 */
export async function siteContextsIn(folder: string, log: (line: string) => void): Promise<SiteContexts> {
  const found = await stat(folder).catch((cause: unknown) => {
    throw refused(folder, reasonOf(cause), cause)
  })
  if (!found.isDirectory()) throw refused(folder, 'it is no folder')
  const kept = createBoundedCache<Kept>(KEPT_MAX_BYTES)
  const reading = new Map<string, Promise<Kept>>()

  async function read(name: string, version: string, sizeBytes: number): Promise<Kept> {
    if (sizeBytes > SITE_CONTEXT_MAX_BYTES) {
      log(`metadata: the site context ${name} is ${sizeBytes} bytes; guests get at most ${SITE_CONTEXT_MAX_BYTES}`)
      return { version, bytes: undefined }
    }
    const bytes = await readFile(join(folder, name)).catch((error: unknown) => {
      log(`metadata: the site context ${name} cannot be read: ${reasonOf(error)}`)
      return undefined
    })
    return { version, bytes }
  }

  return {
    async find(name) {
      const file = await stat(join(folder, name)).catch(() => undefined)
      if (!file?.isFile()) return undefined
      // Whatever is done to a file changes its ctime, also what leaves its mtime as it was.
      const version = `${file.ino} ${file.size} ${file.mtimeMs} ${file.ctimeMs}`
      const known = kept.get(name)
      if (known?.version === version) return known.bytes
      const key = `${version} ${name}`
      const flight = reading.get(key) ?? read(name, version, file.size)
      reading.set(key, flight)
      const fresh = await flight.finally(() => reading.delete(key))
      kept.set(name, fresh, ENTRY_BYTES + (fresh.bytes?.length ?? 0))
      return fresh.bytes
    },
  }
}

function refused(folder: string, why: string, cause?: unknown): CloudError {
  return new CloudError(
    'invalid',
    `configuration: metadata.siteContextsDir: ${folder} cannot be used (${why}); name a folder of .tgz files`,
    { cause },
  )
}

/**
 * Answers guests that ask for site contexts, and says what is to be recorded of it.
 *
 * @param sites absent: there are none
 */
export function createSiteAnswers(
  sites: SiteContexts | undefined,
): (guest: Guest, name: string, method: string, now: number) => Promise<Reply> {
  const marks = createBoundedCache<Mark>(MARKS_MAX_BYTES)

  function markOf(key: string): Mark {
    const known = marks.get(key)
    if (known) return known
    const mark = newMark()
    marks.set(key, mark, ENTRY_BYTES)
    return mark
  }

  return async ({ instanceId, revision }, name, method, now) => {
    const bytes = await sites?.find(name)
    if (bytes === undefined) return NOT_FOUND
    const allowed = ALLOWED['site-context']
    if (!allowed.includes(method)) return bareReply(405, { Allow: allowed.join(', ') })
    // The type of user data, which may be packed too: it is the one that comes whole through Neutron's agents.
    const reply = replyOf(200, TEXT, bytes)
    if (method === 'HEAD') return reply
    const mark = markOf(`${instanceId} ${revision} ${name}`)
    if (!isDue(mark, now)) return reply
    const about = {
      instanceId,
      revision,
      kind: 'access',
      source: 'metadata',
      evidence: 'access',
      method: 'metadata',
    } as const
    return { ...reply, event: { ...about, path: `/context/${name}`, bytes: bytes.length, at: now }, mark }
  }
}
