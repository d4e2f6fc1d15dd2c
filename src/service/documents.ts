import { Buffer } from 'node:buffer'
import { sha256 } from '../model/digest.ts'
import type { StoredDocument } from '../model/document.ts'
import { CloudError, isCloudError } from '../model/errors.ts'
import type { Caller } from '../model/instance.ts'
import { requireMember } from './access.ts'
import { newId } from './ids.ts'
import type { ServiceParts } from './parts.ts'
import type { DocumentUseCases } from './service.ts'

const BODY_MAX_BYTES = 256 * 1024
/** So many of one sort one user may have. */
const OWNER_MAX = 1000

/** What front ends keep for users, in the store. */
export function documentUseCases({ store, rules }: Pick<ServiceParts, 'store' | 'rules'>): DocumentUseCases {
  /** What is another's, or of another sort, answers as what is not there. */
  async function own(sort: string, id: string, { project, subject }: Caller): Promise<StoredDocument> {
    const document = await store.getDocument(id)
    if (document?.sort === sort && document.project === project && document.subject === subject) return document
    throw new CloudError('not-found', `there is no ${sort} ${id.slice(0, 100)}`)
  }

  /** @throws {CloudError} too-large */
  function checkSizes(sort: string, body: string, bytes: Uint8Array | null | undefined): void {
    refuseBeyond(BODY_MAX_BYTES, Buffer.byteLength(body), `${sort}: its text is`)
    refuseBeyond(rules.userDataMaxBytes, bytes?.byteLength ?? 0, `${sort}: its data are`)
  }

  return {
    async create({ sort, body, bytes, idempotencyKey }, caller) {
      requireMember(caller)
      checkSizes(sort, body, bytes)
      const { project, subject } = caller
      const now = Date.now()
      const document: StoredDocument = {
        id: newId({ idempotencyKey }, project, subject, sort),
        sort,
        subject,
        project,
        body,
        ...(bytes ? { bytes } : {}),
        createdAt: now,
        updatedAt: now,
      }
      try {
        await store.insertDocument(document, OWNER_MAX)
        return document
      } catch (error) {
        const earlier = isCloudError(error, 'conflict') && (await store.getDocument(document.id))
        if (!earlier) throw error
        if (isSame(earlier, document)) return earlier
        throw new CloudError('conflict', `the idempotency key was used for ${sort} ${earlier.id}: send a new key`)
      }
    },
    get: own,
    list: (sort, { project, subject }) => store.listDocuments({ sort, project, subject }),
    async update(sort, id, change, caller) {
      await own(sort, id, caller)
      requireMember(caller)
      checkSizes(sort, change.body, change.bytes)
      return await store.updateDocument(id, { ...change, updatedAt: Date.now() })
    },
    async delete(sort, id, caller) {
      await own(sort, id, caller)
      requireMember(caller)
      await store.deleteDocument(id)
    },
  }
}

function isSame(one: StoredDocument, other: StoredDocument): boolean {
  return one.body === other.body && digestOf(one) === digestOf(other)
}

/** Empty is not the same as absent. */
function digestOf({ bytes }: StoredDocument): string | undefined {
  return bytes && sha256(bytes)
}

function refuseBeyond(maxBytes: number, sizeBytes: number, what: string): void {
  if (sizeBytes > maxBytes)
    throw new CloudError('too-large', `${what} ${sizeBytes} bytes; this server takes ${maxBytes}`)
}
