import { isObject } from '../../src/formats/json.ts'
import { shownServer } from './bodies.ts'
import { build, destroy, finish, newPort, type Cloud } from './cloud.ts'
import { asText, badRequest, buildInProgress, conflict, notFound, overLimit, unexpected, type Reply } from './fault.ts'
import type { Network, Port, Server } from './model.ts'
import { verifyPersonality, verifyUserData } from './personality.ts'

const NAME_MAX_CHARACTERS = 255
const METADATA_KEY_MAX_CHARACTERS = 50
const METADATA_VALUE_MAX_CHARACTERS = 500
const CARDS_MAX = 8
const PROJECT = 'd1a1b2c3-0000-4000-8000-0000000000aa'

/**
 * Makes a server. What a version does not know is passed over in silence.
 *
 * @see synnefo/api/servers.py: create_server; synnefo/logic/servers.py: create
 */
export function createServer(cloud: Cloud, body: unknown): Reply {
  const { version, limits } = cloud
  const asked = isObject(body) ? body['server'] : undefined
  if (!isObject(asked)) throw badRequest('Malformed request')
  const { name, imageRef, flavorRef, metadata = {}, personality = [], networks, project = PROJECT } = asked
  if (name === undefined || imageRef === undefined || flavorRef === undefined || !isObject(metadata))
    throw badRequest('Malformed request')
  const files = verifyPersonality(personality, limits)
  const userData = version === '0.20' ? verifyUserData(asked['user_data'] ?? '') : ''
  const flavor = flavorOf(cloud, flavorRef)
  const keyNames = keyNamesOf(cloud, asked)
  if (asText(name).length > NAME_MAX_CHARACTERS) throw badRequest('Server name is too long')
  if (Object.keys(metadata).length > limits.metadata)
    throw badRequest(`Virtual Machines cannot have more than ${limits.metadata} metadata items`)
  const image = cloud.images.find(({ id }) => id === imageRef)
  if (!image) throw notFound(`Image '${asText(imageRef)}' not found`)
  const keys = keyNames.map((each) => {
    const pair = cloud.keyPairs.find((known) => known.name === each)
    if (!pair) throw notFound(`Keypair ${each} not found.`)
    return pair.content
  })
  const ports = portsFor(cloud, networks)
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== 'string') throw unexpected()
    if (key.length > METADATA_KEY_MAX_CHARACTERS) throw badRequest('Metadata key is too long')
    if (value.length > METADATA_VALUE_MAX_CHARACTERS) throw badRequest('Metadata value is too long')
  }
  if (cloud.servers.filter(({ isDeleted }) => !isDeleted).length >= limits.servers)
    throw overLimit('Resource Limit Exceeded for your account.')
  const server: Server = {
    id: 5678 + cloud.servers.length,
    name: asText(name),
    image,
    flavor,
    project: asText(project),
    metadata: Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, asText(value)])),
    ports,
    keyNames,
    params: {
      personality: files,
      ...(userData === '' ? {} : { userData }),
      ...(keys.length === 0 ? {} : { authKeys: keys.join('\n') }),
    },
    operState: 'BUILD',
    task: 'BUILD',
    isDeleted: false,
  }
  cloud.servers.push(server)
  build(cloud, server)
  return { status: 202, body: { server: { ...shownServer(server, version), adminPass: 'Uphu0aeNg3' } } }
}

function flavorOf(cloud: Cloud, flavorRef: unknown) {
  const id = Number(flavorRef)
  if (!Number.isInteger(id)) throw badRequest(`Invalid flavor ID '${asText(flavorRef)}'`)
  const flavor = cloud.flavors.find((each) => each.id === id)
  if (!flavor) throw notFound('Flavor not found.')
  return flavor
}

/** `key_name` since 0.19, `SNF:key_names` since 0.20. */
function keyNamesOf({ version }: Cloud, asked: Readonly<Record<string, unknown>>): readonly string[] {
  const { key_name: one, 'SNF:key_names': many = [] } = asked
  const names = version === '0.20' && Array.isArray(many) ? many.map(asText) : []
  if (version === '0.16' || one === undefined) return [...new Set(names)]
  if (names.length > 0) throw badRequest('Only one of the SNF:key_names andkey_name can be set')
  return [asText(one)]
}

function portsFor(cloud: Cloud, wanted: unknown): readonly Port[] {
  if (wanted !== undefined && !Array.isArray(wanted)) throw badRequest("Malformed request. Invalid 'networks' field")
  const asked: readonly unknown[] = wanted ?? cloud.byDefault.map((id) => ({ uuid: id }))
  const ports = cloud.forced.map((id) => portOn(cloud, networkOf(cloud, id), undefined))
  for (const each of asked) {
    if (!isObject(each)) throw badRequest("Malformed request. Invalid 'networks' field")
    const { uuid, fixed_ip: address } = each
    if (uuid === undefined) throw badRequest("Network 'uuid' or 'port' attribute is required.")
    ports.push(portOn(cloud, networkOf(cloud, uuid), address === undefined ? undefined : asText(address)))
  }
  if (ports.length > CARDS_MAX) throw badRequest('Maximum ports per server limit reached')
  return ports
}

function portOn(cloud: Cloud, network: Network, address: string | undefined): Port {
  const port = newPort(cloud, network, address)
  if (!port) throw conflict(`No floating IPs available in network ${network.id}.`)
  return port
}

/** @see synnefo/api/util.py: get_network */
export function networkOf({ networks }: Cloud, networkId: unknown): Network {
  if (!/^\d+$/.test(asText(networkId))) throw badRequest(`Invalid network ID '${asText(networkId)}'`)
  const network = networks.find(({ id }) => id === Number(networkId))
  if (!network) throw notFound(`Network ${asText(networkId)} not found.`)
  return network
}

/** Deleted ones are shown too. @see synnefo/api/util.py: get_vm */
export function serverOf({ servers }: Cloud, serverId: string): Server {
  if (!/^\d+$/.test(serverId)) throw badRequest('Invalid server ID.')
  const server = servers.find(({ id }) => id === Number(serverId))
  if (!server) throw notFound('Server not found.')
  return server
}

const ACTIONS: Readonly<Record<string, { readonly word: string; readonly from?: string; readonly to: string }>> = {
  start: { word: 'START', from: 'STOPPED', to: 'STARTED' },
  shutdown: { word: 'STOP', from: 'STARTED', to: 'STOPPED' },
  // Of a stopped machine Ganeti makes one that runs.
  reboot: { word: 'REBOOT', to: 'STARTED' },
}

/** @see synnefo/logic/commands.py: validate_server_action */
export function actOn(cloud: Cloud, server: Server, body: unknown): Reply {
  const [[key, value] = ['', undefined]] = isObject(body) ? Object.entries(body) : []
  const action = ACTIONS[key]
  if (!action) throw badRequest(`Action ${key} not supported`)
  if (server.isDeleted) throw badRequest('Server has been deleted.')
  const { word, from, to } = action
  if (server.task === 'BUILD') throw buildInProgress(`Server '${server.id}' is being built.`)
  if (server.task !== undefined)
    throw badRequest(`Cannot perform '${word}' action while there is a pending '${server.task}'.`)
  if (server.operState === 'ERROR' || (from !== undefined && server.operState !== from))
    throw badRequest(`Cannot perform '${word}' action while server is in '${server.operState}' state.`)
  const type = isObject(value) ? value['type'] : undefined
  if (word === 'REBOOT' && type !== 'SOFT' && type !== 'HARD')
    throw badRequest(`Malformed request. Invalid reboot type ${asText(type)}`)
  server.task = word
  finish(cloud, server, to)
  return { status: 202 }
}

/** @see synnefo/logic/servers.py: destroy */
export function deleteServer(cloud: Cloud, server: Server): Reply {
  if (server.isDeleted) throw badRequest('Server has been deleted.')
  // Until Ganeti knows the machine, it cannot take it away.
  if (server.task === 'BUILD') throw buildInProgress('Server is being build')
  destroy(cloud, server)
  return { status: 204 }
}
