import { randomUUID } from 'node:crypto'
import * as fc from 'fast-check'
import { sha256 } from '../../src/model/digest.ts'
import type { StoredDocument } from '../../src/model/document.ts'
import type { ContextEvent } from '../../src/model/events.ts'
import type { Image, Instance, InstanceSpec, Size } from '../../src/model/instance.ts'

/** An image of the provider `memory`. */
export function sampleImage(change: Partial<Image> = {}): Image {
  return { name: 'memory-debian', provider: 'memory', remoteId: 'img-1', title: 'Debian', ...change }
}

/** A size of the provider `memory`. */
export function sampleSize(change: Partial<Size> = {}): Size {
  return {
    name: 'memory-small',
    provider: 'memory',
    remoteId: 'size-1',
    title: 'Small',
    cores: 1,
    memoryMiB: 512,
    ...change,
  }
}

/** A spec that asks for nothing. */
export function sampleSpec(change: Partial<InstanceSpec> = {}): InstanceSpec {
  return { publicKeys: [], variables: {}, files: [], labels: {}, ...change }
}

/** An instance as the service records it before it asks a provider. */
export function sampleInstance(change: Partial<Instance> = {}): Instance {
  const spec = change.spec ?? sampleSpec()
  return {
    id: randomUUID(),
    provider: 'memory',
    subject: 'tokens/alice',
    project: 'tokens/demo',
    state: 'creating',
    spec,
    image: sampleImage(),
    size: sampleSize(),
    plan: { provider: 'memory', deliveries: [], warnings: [] },
    revision: 1,
    facts: { launchIndex: 0 },
    ...(spec.userData ? { userDataSha256: sha256(spec.userData) } : {}),
    createdAt: 1_700_000_000_000,
    updatedAt: 1_700_000_000_000,
    ...change,
  }
}

/** An event of the instance `instanceId`. */
export function sampleEvent(instanceId: string, change: Partial<ContextEvent> = {}): ContextEvent {
  return { at: 1_700_000_000_000, instanceId, revision: 1, kind: 'planned', source: 'service', ...change }
}

/** A document of the user that all samples are of, without bytes. */
export function sampleDocument(change: Partial<StoredDocument> = {}): StoredDocument {
  return {
    id: randomUUID(),
    sort: 'test.template',
    subject: 'tokens/alice',
    project: 'tokens/demo',
    body: '{"name":"web"}',
    createdAt: 1_700_000_000_000,
    updatedAt: 1_700_000_000_000,
    ...change,
  }
}

/** Any text of a user: quotes, backslashes, several code points for one character. */
export const text = fc.string({ unit: 'grapheme', maxLength: 40 })

/** Any labels. */
export const dictionary = fc.dictionary(text, text, { maxKeys: 4, noNullPrototype: true })

/** Any spec, with what a JSON column or a BLOB could spoil: odd keys, empty bytes, absent against empty. */
export const anySpec: fc.Arbitrary<InstanceSpec> = fc.record(
  {
    name: text,
    hostname: fc.domain(),
    userData: fc.uint8Array({ maxLength: 300 }),
    publicKeys: fc.array(fc.record({ name: text, text }), { maxLength: 2 }),
    variables: dictionary,
    files: fc.array(
      fc.record(
        { path: text, bytes: fc.uint8Array({ maxLength: 50 }), mode: fc.nat(0o777), owner: text },
        { requiredKeys: ['path', 'bytes'] },
      ),
      { maxLength: 3 },
    ),
    by: fc.constantFrom('metadata' as const, 'disk' as const, 'injection' as const),
    labels: dictionary,
  },
  { requiredKeys: ['publicKeys', 'variables', 'files', 'labels'], noNullPrototype: true },
)
