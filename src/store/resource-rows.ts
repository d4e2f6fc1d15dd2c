import { targetIdOf } from '../model/link.ts'
import type { Resources } from './store.ts'
import type { ResourceTable } from './tables.ts'

/** Any volume, network or link. */
export type Resource = Resources[keyof Resources]

/** What a row is found by is repeated in columns; the resource itself is its body. */
export function toResourceRow(kind: keyof Resources, resource: Resource): ResourceTable {
  return {
    id: resource.id,
    kind,
    project: 'project' in resource ? resource.project : (resource.owner?.project ?? null),
    provider: resource.provider,
    state: resource.state,
    instance_id: 'instanceId' in resource ? resource.instanceId : null,
    target_id: 'instanceId' in resource ? targetIdOf(resource) : null,
    unique_key: uniqueKeyOf(resource),
    body_json: JSON.stringify(resource),
    created_at: resource.createdAt,
  }
}

/**
 * What at most one resource can have: a volume is attached once, an address that was given for good is one card's. What a
 * cloud gives for a time may be the same behind each of its doors.
 */
function uniqueKeyOf(resource: Resource): string | null {
  if (!('instanceId' in resource)) return null
  if (resource.kind === 'volume') return `volume:${resource.volumeId}`
  const { networkId, address, allocation } = resource
  return address === undefined || allocation !== 'static' ? null : `address:${networkId}:${address}`
}
