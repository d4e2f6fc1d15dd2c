import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError } from '../../model/errors.ts'
import type { Attached, NetworkAttachment } from '../provider.ts'
import { unlessGone } from '../outcome.ts'
import type { Session } from './session.ts'

/** Begins the name of every port that we make; the link's id is its end. */
const NAME_PREFIX = 'bellhop:'

const Port = Type.Object({
  id: Type.String({ minLength: 1 }),
  name: Type.String(),
  mac_address: Type.String(),
  device_id: Type.String(),
  description: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  created_at: Type.Optional(Type.String()),
  fixed_ips: Type.Array(Type.Object({ ip_address: Type.String(), subnet_id: Type.String() })),
})

/** A port as Neutron shows it, as far as we look. */
export type Port = Static<typeof Port>

const one = Compile(Type.Object({ port: Port }))
const many = Compile(Type.Object({ ports: Type.Array(Port) }))

/** Network cards that we make ourselves, so that each keeps its link's id. @see Neutron, Networking API v2: Ports */
export interface Ports {
  /** The same again gives the same. @param ourId of the instance whose card it is */
  readonly make: (ourId: string, attachment: NetworkAttachment) => Promise<Port>
  /** Those of an instance of ours, be it there or not. */
  readonly ofInstance: (ourId: string) => Promise<readonly Port[]>
  /** Those of a server, whoever made them. */
  readonly ofServer: (remoteId: string) => Promise<readonly Port[]>
  /** All that we made, whosever they are. */
  readonly ours: () => Promise<readonly Port[]>
  /** The one of a link. */
  readonly ofLink: (linkId: string) => Promise<Port | undefined>
  /** No error when it is gone. */
  readonly delete: (id: string) => Promise<void>
}

export function neutronPorts(session: Session, provider: string): Ports {
  async function search(query: Readonly<Record<string, string>>): Promise<readonly Port[]> {
    const json = (await session.request('network', { method: 'GET', path: '/ports', query })).json()
    if (many.Check(json)) return json.ports
    throw new CloudError('provider-failed', `${provider}: the answer is no list of ports as Neutron shows one`)
  }

  const ofLink = async (linkId: string): Promise<Port | undefined> => (await search({ name: nameFor(linkId) }))[0]

  return {
    make: async (ourId, { linkId, networkRemoteId, mac, address }) => {
      const earlier = await ofLink(linkId)
      if (earlier) return earlier
      const port = {
        name: nameFor(linkId),
        description: descriptionFor(ourId),
        network_id: networkRemoteId,
        ...(mac === undefined ? {} : { mac_address: mac }),
        ...(address === undefined ? {} : { fixed_ips: [{ ip_address: address }] }),
      }
      const json = (await session.request('network', { method: 'POST', path: '/ports', json: { port } })).json()
      if (one.Check(json)) return json.port
      throw new CloudError('unavailable', `${provider}: the answer is no port as Neutron shows one`)
    },
    ofInstance: (ourId) => search({ description: descriptionFor(ourId) }),
    ofServer: (remoteId) => search({ device_id: remoteId }),
    ours: async () =>
      (await search({ project_id: session.project.id })).filter((port) => instanceOf(port) !== undefined),
    ofLink,
    delete: (id) =>
      unlessGone(session.request('network', { method: 'DELETE', path: `/ports/${encodeURIComponent(id)}` })),
  }
}

/** Our id of the instance whose card it is; `undefined` where we did not make it. */
export function instanceOf({ name, description }: Port): string | undefined {
  const isOurs = name.startsWith(NAME_PREFIX) && description?.startsWith(NAME_PREFIX) === true
  return isOurs ? description.slice(NAME_PREFIX.length) : undefined
}

/** What became of a card. */
export function toAttached({ name, mac_address: mac, fixed_ips: [fixed] }: Port): Attached {
  const linkId = name.slice(NAME_PREFIX.length)
  return { linkId, mac: mac.toLowerCase(), ...(fixed ? { address: fixed.ip_address } : {}) }
}

function nameFor(linkId: string): string {
  return `${NAME_PREFIX}${linkId}`
}

function descriptionFor(ourId: string): string {
  return `${NAME_PREFIX}${ourId}`
}
