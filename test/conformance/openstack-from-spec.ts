import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import {
  badRequest,
  cinderFromSpec,
  fault,
  notFound,
  type CinderFromSpec,
  type SpecReply,
  type SpecRequest,
} from './cinder-from-spec.ts'

interface Server {
  readonly id: string
  readonly name: string
  readonly tags: readonly string[]
  status: string
  task: string | null
  /** Each volume's device, once it has one. */
  readonly volumes: Map<string, string | undefined>
}

/** A cloud for tests. */
export interface OpenStackFromSpec {
  readonly url: string
  readonly cinder: CinderFromSpec
  /** Volumes that no host can attach. */
  readonly unreachable: Set<string>
  /** Volumes that their guests hold fast. */
  readonly held: Set<string>
  /** Does the next request of this kind (`POST /volumes`), and loses the answer. */
  loseAnswer(what: string): void
  close(): Promise<void>
}

const STEP_MS = 20
const PROJECT = { id: '8717515b469444dda4cabd25f2797400', name: 'demo', domain: { id: 'default', name: 'Default' } }
const IMAGE_ID = '1d10116a-3d65-4883-8cd4-59bf98c435c6'
const ATTACHABLE = new Set(['ACTIVE', 'PAUSED', 'SHUTOFF'])

/** What an action needs, and what it makes of a server. */
const ACTIONS: Readonly<Record<string, { readonly from: string; readonly to: string }>> = {
  'os-start': { from: 'SHUTOFF', to: 'ACTIVE' },
  'os-stop': { from: 'ACTIVE', to: 'SHUTOFF' },
}

const create = Compile(
  Type.Object({
    server: Type.Object({
      name: Type.String(),
      imageRef: Type.Literal(IMAGE_ID),
      flavorRef: Type.Literal('1'),
      networks: Type.Unknown(),
      tags: Type.Array(Type.String()),
      block_device_mapping_v2: Type.Optional(
        Type.Array(
          Type.Object(
            {
              uuid: Type.String(),
              source_type: Type.Union([Type.Literal('image'), Type.Literal('volume')]),
              destination_type: Type.Union([Type.Literal('local'), Type.Literal('volume')]),
              boot_index: Type.Integer(),
              delete_on_termination: Type.Boolean(),
            },
            { additionalProperties: false },
          ),
        ),
      ),
    }),
  }),
)
const attach = Compile(
  Type.Object(
    { volumeAttachment: Type.Object({ volumeId: Type.String() }, { additionalProperties: false }) },
    { additionalProperties: false },
  ),
)

/**
 * A cloud whose Cinder, and what Nova does with its volumes, is built from the specification and was never seen beside a
 * real one. The rest of it is only what these need.
 *
 * @param hasCinder whether the catalogue has it
 * @see Compute API: Servers with volume attachments; nova/api/openstack/compute/volume_attachments.py
 */
export async function openStackFromSpec(hasCinder = true): Promise<OpenStackFromSpec> {
  const later = (task: () => void): void => void sleep(STEP_MS, undefined, { ref: false }).then(task)
  const cinder = cinderFromSpec(later)
  const servers = new Map<string, Server>()
  const [unreachable, held, lost] = [new Set<string>(), new Set<string>(), new Set<string>()]

  /** What the compute host does once Nova's API has answered. */
  function attachThere(server: Server, volumeId: string): void {
    later(() => {
      if (unreachable.has(volumeId)) {
        server.volumes.delete(volumeId)
        cinder.release(volumeId)
        return
      }
      const device = `/dev/vd${'bcdefgh'.charAt([...server.volumes.keys()].indexOf(volumeId))}`
      server.volumes.set(volumeId, device)
      later(() => cinder.complete(volumeId, device))
    })
  }

  function createServerHere(body: unknown): SpecReply {
    if (!create.Check(body)) return badRequest('Invalid input for field/attribute server.')
    const { name, tags, block_device_mapping_v2: devices } = body.server
    if (devices && !devices.some(({ boot_index: index }) => index === 0))
      return badRequest('Block Device Mapping is Invalid: Boot sequence for the instance is not valid.')
    const server: Server = { id: randomUUID(), name, tags, status: 'BUILD', task: 'spawning', volumes: new Map() }
    for (const { uuid } of devices?.filter((device) => device.source_type === 'volume') ?? []) {
      const why = cinder.reserve(uuid, server.id)
      if (why !== undefined) {
        for (const volumeId of server.volumes.keys()) cinder.release(volumeId)
        return badRequest(`Invalid volume: ${why}`)
      }
      server.volumes.set(uuid, undefined)
    }
    servers.set(server.id, server)
    const wanted = new Set(server.volumes.keys())
    for (const volumeId of wanted) attachThere(server, volumeId)
    later(() =>
      later(() => {
        server.status = [...wanted].every((volumeId) => server.volumes.has(volumeId)) ? 'ACTIVE' : 'ERROR'
        server.task = null
      }),
    )
    return { status: 202, body: { server: { id: server.id } } }
  }

  function act(server: Server, body: unknown): SpecReply {
    const [name = ''] = Object.keys(body ?? {})
    const action = ACTIONS[name]
    if (!action) return badRequest(`There is no such action: ${name}`)
    if (action.from !== server.status || server.task !== null) return wrongState(name, server)
    server.task = name
    later(() => Object.assign(server, { status: action.to, task: null }))
    return { status: 202 }
  }

  function aboutAttachments(server: Server, volumeId: string, { method, body }: SpecRequest): SpecReply {
    if (method === 'GET' && volumeId === '') {
      const all = [...server.volumes].map(([id, device]) => ({
        id,
        volumeId: id,
        serverId: server.id,
        ...(device === undefined ? {} : { device }),
      }))
      return { status: 200, body: { volumeAttachments: all } }
    }
    if (!ATTACHABLE.has(server.status)) return wrongState('attach_volume', server)
    if (method === 'POST' && attach.Check(body)) {
      const { volumeId: id } = body.volumeAttachment
      if (!cinder.has(id)) return notFound('Volume', id)
      const why = cinder.reserve(id, server.id)
      if (why !== undefined) return badRequest(`Invalid volume: ${why}`)
      server.volumes.set(id, undefined)
      attachThere(server, id)
      return { status: 200, body: { volumeAttachment: { id, volumeId: id, serverId: server.id, device: '/dev/vdb' } } }
    }
    if (method === 'DELETE' && server.volumes.has(volumeId)) {
      const why = cinder.beginDetaching(volumeId)
      if (why !== undefined) return badRequest(`Invalid volume: ${why}`)
      later(() => {
        if (held.has(volumeId)) return cinder.rollDetaching(volumeId)
        cinder.release(volumeId)
        return later(() => server.volumes.delete(volumeId))
      })
      return { status: 202 }
    }
    return notFound(`Volume attachment of ${server.id}`, volumeId)
  }

  function deleteHere(server: Server): SpecReply {
    server.task = 'deleting'
    later(() => {
      for (const volumeId of server.volumes.keys()) cinder.release(volumeId)
      servers.delete(server.id)
    })
    return { status: 204 }
  }

  function compute(request: SpecRequest): SpecReply {
    const { method, path, query, body } = request
    if (path === '' || path === '/') return { status: 200, body: { version: { version: '2.90', min_version: '2.1' } } }
    if (path === '/flavors/detail')
      return { status: 200, body: { flavors: [{ id: '1', name: 'm1.tiny', vcpus: 1, ram: 128, disk: 1 }] } }
    if (path === '/servers') return createServerHere(body)
    if (path === '/servers/detail') {
      const tag = query.get('tags')
      const all = [...servers.values()].filter(({ tags }) => tag === null || tags.includes(tag))
      return { status: 200, body: { servers: all.map(shown) } }
    }
    if (path.startsWith('/os-keypairs/')) return notFound('Keypair', path)
    const [, id = '', what = '', volumeId = ''] = /^\/servers\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(path) ?? []
    const server = servers.get(id)
    if (!server) return notFound('Instance', id)
    if (what === 'os-volume_attachments') return aboutAttachments(server, volumeId, request)
    if (what === 'action') return act(server, body)
    return method === 'DELETE' ? deleteHere(server) : { status: 200, body: { server: shown(server) } }
  }

  /** Everything else is there, and empty. */
  function rest({ method, path }: SpecRequest): SpecReply {
    if (path === '/images') return { status: 200, body: { images: [{ id: IMAGE_ID, name: 'tiny', status: 'active' }] } }
    return method === 'GET' ? { status: 200, body: { [path.slice(1)]: [] } } : notFound('Path', path)
  }

  const web = createServer((incoming, outgoing) => {
    void (async () => {
      const { method = '', url = '', headers } = incoming
      const sent = await text(incoming)
      const { pathname, searchParams: query } = new URL(url, 'http://cloud')
      const [, service = '', path = ''] =
        /^\/(identity|compute|image|network|volume)\/v[\d.]+(?:\/[0-9a-f]{32})?(\/.*)?$/.exec(pathname) ?? []
      const minor = Number(/^\w+ \d+\.(\d+)$/.exec(String(headers['openstack-api-version'] ?? ''))?.[1] ?? 0)
      const request = { method, path, query, body: sent === '' ? undefined : JSON.parse(sent), minor }
      const answers: Readonly<Record<string, (asked: SpecRequest) => SpecReply>> = {
        compute,
        volume: (asked) => cinder.answer(asked),
        image: rest,
        network: rest,
      }
      const reply = service === 'identity' ? token(base(), hasCinder) : answers[service]?.(request)
      if (lost.delete(`${method} ${path}`)) return void incoming.socket.destroy()
      const head = { 'content-type': 'application/json', 'x-subject-token': 'a-token' }
      return outgoing.writeHead(reply?.status ?? 404, head).end(reply?.body && JSON.stringify(reply.body))
    })()
  })
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  const base = (): string => `http://127.0.0.1:${(web.address() as AddressInfo).port}`

  return {
    url: base(),
    cinder,
    unreachable,
    held,
    loseAnswer: (what) => void lost.add(what),
    close: async () => {
      web.closeAllConnections()
      await new Promise((resolve) => web.close(resolve))
    },
  }
}

function shown({ id, name, tags, status, task, volumes }: Server) {
  return {
    id,
    name,
    tags,
    status,
    'OS-EXT-STS:task_state': task,
    addresses: {},
    'os-extended-volumes:volumes_attached': [...volumes.keys()].map((volumeId) => ({
      id: volumeId,
      delete_on_termination: false,
    })),
  }
}

function wrongState(what: string, { id, status, task }: Server): SpecReply {
  return fault(409, 'conflictingRequest', `Cannot '${what}' instance ${id} while it is in ${task ?? status}`)
}

function token(url: string, hasCinder: boolean): SpecReply {
  const service = (type: string, path: string) => ({
    type,
    endpoints: [{ interface: 'public', region: 'RegionOne', region_id: 'RegionOne', url: `${url}${path}` }],
  })
  const catalog = [
    service('compute', '/compute/v2.1'),
    service('image', '/image'),
    service('network', '/network'),
    ...(hasCinder ? [service('volumev3', `/volume/v3/${PROJECT.id}`)] : []),
  ]
  const user = { id: 'fb5bde552a9742649cb7eeca97dc9233', name: 'demo', domain: PROJECT.domain }
  const expires_at = new Date(Date.now() + 3_600_000).toISOString()
  return { status: 201, body: { token: { user, project: PROJECT, roles: [], expires_at, catalog } } }
}
