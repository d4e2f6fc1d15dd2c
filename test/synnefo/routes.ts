import { isObject } from '../../src/formats/json.ts'
import { shownFlavor, shownImage, shownKeyPair, shownNetwork, shownServer } from './bodies.ts'
import type { Cloud } from './cloud.ts'
import { asText, badRequest, conflict, isRefusal, notFound, refusal, type Reply } from './fault.ts'
import { actOn, createServer, deleteServer, networkOf, serverOf } from './servers.ts'

/** A request as it arrived, with its path below the service. */
export interface Asked {
  readonly service: string
  readonly method: string
  readonly path: string
  readonly token: string | undefined
  /** Absent where there was none, or it was not said to be JSON. */
  readonly body: unknown
  readonly isJson: boolean
}

/** What a site answers; refusals are answers too. */
export function answer(cloud: Cloud, asked: Asked, base: string): Reply {
  try {
    return route(cloud, asked, base)
  } catch (error) {
    if (!isRefusal(error)) throw error
    const { code, name, message } = error.fault
    return { status: code, body: { [name]: { code, message, details: '' } } }
  }
}

function route(cloud: Cloud, asked: Asked, base: string): Reply {
  const { service, method, path, token, body } = asked
  const isWriting = method === 'POST'
  if (service === 'identity') return tokens(cloud, asked, base)
  if (token !== cloud.token) throw refusal(401, 'unauthorized', 'Access denied')
  if (isWriting && !asked.isJson) throw badRequest('Missing Content-Type header field')
  const [, kind = '', id, what = ''] = /^\/([\w-]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(path) ?? []
  const found = HANDLERS[`${service} ${kind}`]
  if (!found || (kind === 'os-keypairs' && cloud.version === '0.16')) throw badRequest('API endpoint not found')
  return found(cloud, { method, id: id === 'detail' ? undefined : id, what, body })
}

/** @see snf-astakos-app/astakos/api/tokens.py: authenticate */
function tokens(cloud: Cloud, { method, path, body }: Asked, base: string): Reply {
  if (method !== 'POST' || path !== '/tokens') throw notFound('')
  const auth = isObject(body) ? body['auth'] : undefined
  const token = isObject(auth) ? auth['token'] : undefined
  const given = isObject(token) ? token['id'] : undefined
  // Without a body anybody is told where the services are.
  if (body !== undefined && given === undefined) throw badRequest('Malformed request: missing credentials')
  if (body !== undefined && given !== cloud.token) throw refusal(401, 'unauthorized', 'Invalid token')
  const entry = (type: string, name: string, url: string) => ({
    type,
    name,
    endpoints_links: [],
    endpoints: [{ versionId: 'v2.0', publicURL: url, region: 'default', 'SNF:uiURL': `${base}/ui` }],
  })
  // Since 0.19 a client has to know the version of some.
  const end = cloud.version === '0.16' ? '/v2.0' : ''
  return {
    status: 200,
    body: {
      access: {
        token: {
          id: given ?? '',
          expires: '2036-01-01T00:00:00.000000+00:00',
          tenant: { id: 'd1a1b2c3-0000-4000-8000-0000000000aa', name: 'Jane Doe' },
        },
        user: {
          id: 'd1a1b2c3-0000-4000-8000-000000000001',
          name: 'Jane Doe',
          roles: [],
          roles_links: [],
          projects: [],
        },
        serviceCatalog: [
          entry('identity', 'astakos_identity', `${base}/identity/v2.0`),
          entry('compute', 'cyclades_compute', `${base}/compute/v2.0`),
          entry('network', 'cyclades_network', `${base}/network${end}`),
        ],
      },
    },
  }
}

interface Part {
  readonly method: string
  readonly id: string | undefined
  readonly what: string
  readonly body: unknown
}

const HANDLERS: Readonly<Record<string, (cloud: Cloud, part: Part) => Reply>> = {
  'compute images': (cloud, { id }) => {
    if (id === undefined) return { status: 200, body: { images: cloud.images.map(shownImage) } }
    const image = cloud.images.find((each) => each.id === id)
    if (!image) throw notFound(`Image '${id}' not found`)
    return { status: 200, body: { image: shownImage(image) } }
  },
  'compute flavors': (cloud) => ({ status: 200, body: { flavors: cloud.flavors.map(shownFlavor) } }),
  'compute servers': (cloud, { method, id, what, body }) => {
    const { version } = cloud
    if (id === undefined && method === 'POST') return createServer(cloud, body)
    if (id === undefined) {
      const servers = cloud.servers.filter(({ isDeleted }) => !isDeleted)
      return { status: 200, body: { servers: servers.map((each) => shownServer(each, version)) } }
    }
    const server = serverOf(cloud, id)
    if (what === 'action') return actOn(cloud, server, body)
    if (method === 'DELETE') return deleteServer(cloud, server)
    return { status: 200, body: { server: shownServer(server, version) } }
  },
  'compute os-keypairs': (cloud, { method, id, body }) => {
    const { keyPairs, limits } = cloud
    if (id === undefined && method === 'POST') {
      // The one refusal that is no JSON.
      if (keyPairs.length >= limits.keyPairs) return { status: 500, text: 'SSH keys limit exceeded' }
      const asked = isObject(body) ? body['keypair'] : undefined
      if (!isObject(asked) || asked['name'] === undefined) throw badRequest('Malformed request.')
      const name = asText(asked['name'])
      if (keyPairs.some((each) => each.name === name)) throw conflict('A keypair with that name already exists')
      const pair = { name, content: asText(asked['public_key']) }
      keyPairs.push(pair)
      return { status: 201, body: shownKeyPair(pair) }
    }
    if (id === undefined) return { status: 200, body: { keypairs: keyPairs.map(shownKeyPair) } }
    const index = keyPairs.findIndex(({ name }) => name === decodeURIComponent(id))
    const pair = keyPairs[index]
    if (!pair) throw notFound(`Keypair ${id} not found.`)
    if (method !== 'DELETE') return { status: 200, body: shownKeyPair(pair) }
    keyPairs.splice(index, 1)
    return { status: 204 }
  },
  'network networks': (cloud, { method, id }) => {
    if (method !== 'GET') throw refusal(403, 'forbidden', 'Cannot create network of this type.')
    if (id === undefined) return { status: 200, body: { networks: cloud.networks.map(shownNetwork) } }
    return { status: 200, body: { network: shownNetwork(networkOf(cloud, id)) } }
  },
}
