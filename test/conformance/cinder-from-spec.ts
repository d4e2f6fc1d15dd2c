import { randomUUID } from 'node:crypto'
import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'

/** What a service was asked, below its versioned endpoint. */
export interface SpecRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: unknown
  /** Of its microversion: 42 for 3.42. */
  readonly minor: number
}

export interface SpecReply {
  readonly status: number
  readonly body?: object
}

interface Volume {
  readonly id: string
  readonly createdAt: string
  readonly name: string | null
  status: string
  size: number
  metadata: Readonly<Record<string, string>>
  holder?: { readonly serverId: string; device?: string }
}

interface Snapshot {
  readonly id: string
  readonly volumeId: string
  readonly metadata: Readonly<Record<string, string>>
  status: string
}

/** A Cinder for tests. */
export interface CinderFromSpec {
  answer(request: SpecRequest): SpecReply
  /** Names of volumes that no storage has room for. */
  readonly unplaceable: Set<string>
  /** How many volumes there are with such a name. */
  count(name: string): number
  /** What Nova asks of it, by the attachments API. @returns why not */
  reserve(volumeId: string, serverId: string): string | undefined
  complete(volumeId: string, device: string): void
  beginDetaching(volumeId: string): string | undefined
  rollDetaching(volumeId: string): void
  release(volumeId: string): void
  has(volumeId: string): boolean
}

const Metadata = Type.Record(Type.String({ pattern: '^[a-zA-Z0-9_:. /-]{1,255}$' }), Type.String({ maxLength: 255 }))
const strict = { additionalProperties: false }

const CreateVolume = Type.Object(
  {
    volume: Type.Object(
      {
        size: Type.Integer({ minimum: 1 }),
        name: Type.Optional(Type.String({ maxLength: 255 })),
        metadata: Type.Optional(Metadata),
      },
      strict,
    ),
  },
  strict,
)
const CreateSnapshot = Type.Object(
  {
    snapshot: Type.Object(
      { volume_id: Type.String(), force: Type.Optional(Type.Boolean()), metadata: Type.Optional(Metadata) },
      strict,
    ),
  },
  strict,
)
const createVolume = Compile(CreateVolume)
const createSnapshot = Compile(CreateSnapshot)
const setMetadata = Compile(Type.Object({ metadata: Metadata }, strict))
const extend = Compile(
  Type.Object({ 'os-extend': Type.Object({ new_size: Type.Integer({ minimum: 1 }) }, strict) }, strict),
)

/** A list comes in pages of so many. */
const PAGE = 2
const QUOTA_GIB = 1000
const DELETABLE = new Set(['available', 'error', 'error_restoring', 'error_extending', 'error_managing'])
const EXTENDS_IN_USE = 42
const MAX_MINOR = 71

/**
 * A Cinder as its specification has it, never seen beside a real one: states and what each allows, their steps one after
 * the other, whole GiB, quotas, filters, pages and errors.
 *
 * @param later does something a moment after the answer
 * @see Block Storage API v3; cinder/volume/api.py; cinder/api/v3/volumes.py; cinder/objects/fields.py: VolumeStatus
 */
export function cinderFromSpec(later: (task: () => void) => void): CinderFromSpec {
  const volumes = new Map<string, Volume>()
  const snapshots = new Map<string, Snapshot>()
  const messages: { readonly resource_uuid: string; readonly user_message: string }[] = []
  const unplaceable = new Set<string>()
  let made = 0

  const snapshotsOf = (id: string) => [...snapshots.values()].filter(({ volumeId }) => volumeId === id)
  const usedGib = () => [...volumes.values()].reduce((sum, { size }) => sum + size, 0)

  function create({ volume: wanted }: Static<typeof CreateVolume>): SpecReply {
    if (usedGib() + wanted.size > QUOTA_GIB) return overQuota(wanted.size, usedGib())
    const volume: Volume = {
      id: randomUUID(),
      createdAt: new Date(Date.UTC(2026, 0, 1) + made++ * 1000).toISOString().replace('Z', '000'),
      name: wanted.name ?? null,
      status: 'creating',
      size: wanted.size,
      metadata: wanted.metadata ?? {},
    }
    volumes.set(volume.id, volume)
    later(() => {
      volume.status = unplaceable.has(wanted.name ?? '') ? 'error' : 'available'
      if (volume.status === 'error')
        messages.unshift({ resource_uuid: volume.id, user_message: 'schedule allocate volume: no storage has room.' })
    })
    return { status: 202, body: { volume: shown(volume) } }
  }

  function grow(volume: Volume, size: number, minor: number): SpecReply {
    if (size <= volume.size)
      return badRequest(
        `Invalid input received: New size for extend must be greater than current size (${volume.size}).`,
      )
    const before = volume.status
    if (before !== 'available' && !(before === 'in-use' && minor >= EXTENDS_IN_USE))
      return badRequest(
        `Invalid volume: Volume ${volume.id} status must be 'available' to extend, currently ${before}.`,
      )
    if (usedGib() - volume.size + size > QUOTA_GIB) return overQuota(size - volume.size, usedGib())
    volume.status = 'extending'
    later(() => {
      volume.status = before
      volume.size = size
    })
    return { status: 202 }
  }

  function remove(volume: Volume): SpecReply {
    if (!DELETABLE.has(volume.status) || volume.holder || snapshotsOf(volume.id).length > 0)
      return badRequest(
        'Invalid volume: Volume status must be available or error and it must not be attached or have snapshots.',
      )
    volume.status = 'deleting'
    later(() => volumes.delete(volume.id))
    return { status: 202 }
  }

  function snapshot(wanted: Static<typeof CreateSnapshot>['snapshot']): SpecReply {
    const volume = volumes.get(wanted.volume_id)
    if (!volume) return notFound('Volume', wanted.volume_id)
    if (volume.status !== 'available' && !(volume.status === 'in-use' && wanted.force === true))
      return badRequest(`Invalid volume: Volume ${volume.id} status must be available, but is ${volume.status}.`)
    const taken: Snapshot = {
      id: randomUUID(),
      volumeId: volume.id,
      metadata: wanted.metadata ?? {},
      status: 'creating',
    }
    snapshots.set(taken.id, taken)
    later(() => void (taken.status = 'available'))
    return { status: 202, body: { snapshot: shownSnapshot(taken) } }
  }

  function list(query: URLSearchParams): readonly Volume[] {
    const [, key = '', value] = /^\{'([^']*)': '([^']*)'\}$/.exec(query.get('metadata') ?? '') ?? []
    // The newest is the first.
    const all = [...volumes.values()].reverse()
    return value === undefined ? all : all.filter(({ metadata }) => metadata[key] === value)
  }

  function aboutVolume(volume: Volume, rest: string, { method, body, minor }: SpecRequest): SpecReply {
    if (rest === '' && method === 'GET') return { status: 200, body: { volume: shown(volume) } }
    if (rest === '' && method === 'DELETE') return remove(volume)
    if (rest === '/action' && extend.Check(body)) return grow(volume, body['os-extend'].new_size, minor)
    if (rest === '/metadata' && method === 'POST' && setMetadata.Check(body)) {
      volume.metadata = { ...volume.metadata, ...body.metadata }
      return { status: 200, body: { metadata: volume.metadata } }
    }
    return badRequest(`Invalid input for ${method} ${rest}`)
  }

  function aboutSnapshot(taken: Snapshot, method: string): SpecReply {
    if (method === 'GET') return { status: 200, body: { snapshot: shownSnapshot(taken) } }
    if (taken.status !== 'available' && taken.status !== 'error') return badRequest('Invalid snapshot: its status')
    taken.status = 'deleting'
    later(() => snapshots.delete(taken.id))
    return { status: 202 }
  }

  function answer(request: SpecRequest): SpecReply {
    const { method, path, query, body, minor } = request
    if (minor > MAX_MINOR)
      return fault(406, 'computeFault', `Version 3.${minor} is not supported by the API. Maximum is 3.${MAX_MINOR}.`)
    switch (`${method} ${path}`) {
      case 'POST /volumes':
        return createVolume.Check(body) ? create(body) : badRequest('Invalid input for field/attribute volume.')
      case 'GET /volumes/detail':
        return paged('volumes', list(query).map(shown), query)
      case 'POST /snapshots':
        return createSnapshot.Check(body) ? snapshot(body.snapshot) : badRequest('Invalid input for snapshot.')
      case 'GET /snapshots/detail':
        return paged('snapshots', snapshotsOf(query.get('volume_id') ?? '').map(shownSnapshot), query)
      case 'GET /messages':
        return {
          status: 200,
          body: { messages: messages.filter((each) => each.resource_uuid === query.get('resource_uuid')) },
        }
    }
    const [, kind, id = '', rest = ''] = /^\/(volumes|snapshots)\/([^/]+)(\/.*)?$/.exec(path) ?? []
    const volume = volumes.get(id)
    if (kind === 'volumes') return volume ? aboutVolume(volume, rest, request) : notFound('Volume', id)
    const taken = snapshots.get(id)
    if (kind === 'snapshots') return taken ? aboutSnapshot(taken, method) : notFound('Snapshot', id)
    return fault(404, 'itemNotFound', 'The resource could not be found.')
  }

  const change = (volumeId: string, by: (volume: Volume) => void) => {
    const volume = volumes.get(volumeId)
    if (volume) by(volume)
  }
  return {
    answer,
    unplaceable,
    count: (name) => [...volumes.values()].filter((each) => each.name === name).length,
    has: (volumeId) => volumes.has(volumeId),
    reserve(volumeId, serverId) {
      const volume = volumes.get(volumeId)
      if (volume?.status !== 'available')
        return `volume '${volumeId}' status must be 'available'. Currently in '${volume?.status ?? 'nowhere'}' status.`
      volume.status = 'reserved'
      volume.holder = { serverId }
      later(() => {
        if (volume.status === 'reserved') volume.status = 'attaching'
      })
      return undefined
    },
    complete: (volumeId, device) =>
      change(volumeId, (volume) => {
        volume.status = 'in-use'
        if (volume.holder) volume.holder.device = device
      }),
    beginDetaching(volumeId) {
      const volume = volumes.get(volumeId)
      if (volume?.status !== 'in-use') return `volume ${volumeId} must be attached, but is ${volume?.status ?? 'gone'}`
      volume.status = 'detaching'
      return undefined
    },
    rollDetaching: (volumeId) => change(volumeId, (volume) => void (volume.status = 'in-use')),
    release: (volumeId) =>
      change(volumeId, (volume) => {
        volume.status = 'available'
        delete volume.holder
      }),
  }
}

function shown({ id, createdAt, name, status, size, metadata, holder }: Volume) {
  const attachment = holder && {
    id,
    volume_id: id,
    server_id: holder.serverId,
    device: holder.device ?? null,
    attachment_id: id,
    host_name: null,
    attached_at: createdAt,
  }
  return {
    id,
    name,
    status,
    size,
    metadata,
    // One that is only reserved is not shown.
    attachments: holder?.device === undefined ? [] : [attachment],
    created_at: createdAt,
    bootable: 'false',
    encrypted: false,
    multiattach: false,
    description: null,
    volume_type: '__DEFAULT__',
  }
}

function shownSnapshot({ id, volumeId, status, metadata }: Snapshot) {
  return { id, volume_id: volumeId, status, metadata, name: null, description: null }
}

function paged(name: string, all: readonly { readonly id: string }[], query: URLSearchParams): SpecReply {
  const start = all.findIndex(({ id }) => id === query.get('marker')) + 1
  const page = all.slice(start, start + PAGE)
  const links =
    start + PAGE < all.length ? { [`${name}_links`]: [{ rel: 'next', href: `?marker=${page.at(-1)?.id}` }] } : {}
  return { status: 200, body: { [name]: page, ...links } }
}

/** An error as Nova and Cinder write one. */
export function fault(status: number, name: string, message: string): SpecReply {
  return { status, body: { [name]: { code: status, message } } }
}

export function badRequest(message: string): SpecReply {
  return fault(400, 'badRequest', message)
}

/** @param what what it is that there is not */
export function notFound(what: string, id: string): SpecReply {
  return fault(404, 'itemNotFound', `${what} ${id} could not be found.`)
}

function overQuota(size: number, used: number): SpecReply {
  return fault(
    413,
    'overLimit',
    `VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. Requested ${size}G, quota is ${QUOTA_GIB}G and ${used}G has been consumed.`,
  )
}
