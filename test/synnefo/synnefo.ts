import { setTimeout as sleep } from 'node:timers/promises'
import type { CallFault } from '../opennebula/faults.ts'
import type { Cloud } from './cloud.ts'
import type { Customized, Flavor, Image, KeyPair, Limits, Network, Server, Version } from './model.ts'
import type { Asked } from './routes.ts'
import { openDoor } from './server.ts'

/** How a site is. */
export interface SynnefoOptions {
  /** Default: 0.20. */
  readonly version?: Version
  readonly limits?: Partial<Limits>
  /** Networks that every server is put on, and those that one is put on that names none; by their ids. */
  readonly forced?: readonly number[]
  readonly byDefault?: readonly number[]
  /** How long each step takes, in milliseconds (default 5). */
  readonly stepMs?: number
}

/** A site that runs, on loopback. */
export interface Synnefo {
  /** Of Astakos' identity service, as a `.kamakirc` names it. */
  readonly authUrl: string
  readonly token: string
  /** Every request, in order. */
  readonly asked: readonly Asked[]
  addImage(image: Partial<Image> & Pick<Image, 'id'>): void
  addFlavor(flavor: Partial<Flavor> & Pick<Flavor, 'id'>): void
  addNetwork(network: Partial<Network> & Pick<Network, 'id'>, floating?: readonly string[]): void
  servers(): readonly Server[]
  keyPairs(): readonly KeyPair[]
  /** What snf-image made of a server's image; `undefined` until it has. */
  customized(id: number): Customized | undefined
  /** Replaces everything that goes wrong. @see Door.faults for the words */
  setFaults(faults: readonly CallFault[]): void
  /** The account's token ends, as it does after some weeks. */
  endToken(): void
}

/** What sites do that change nothing. */
const LIMITS: Limits = { personality: 5, personalityCharacters: 10_240, keyPairs: 10, metadata: 10, servers: 100 }

/** What a stock image has. */
const FOLDERS = ['/etc', '/root', '/var', '/var/lib', '/usr', '/home', '/home/debian', '/tmp']

/**
 * Plays a Synnefo until the test ends: what Astakos and Cyclades answer and refuse, and what snf-image then does to an image.
 * Built from their sources; it was never seen beside a real one.
 *
 * @see README.md
 */
export async function startSynnefo(
  t: { readonly after: (close: () => Promise<void>) => unknown },
  { version = '0.20', limits = {}, forced = [], byDefault = [], stepMs = 5 }: SynnefoOptions = {},
): Promise<Synnefo> {
  const state = { token: 'a-token-of-Astakos' }
  const cloud: Cloud = {
    version,
    get token() {
      return state.token
    },
    limits: { ...LIMITS, ...limits },
    images: [],
    flavors: [],
    networks: [],
    servers: [],
    keyPairs: [],
    forced,
    byDefault,
    floating: new Map(),
    later: (task) => void sleep(stepMs, undefined, { ref: false }).then(task),
  }
  const door = await openDoor(cloud)
  t.after(() => door.close())
  return {
    authUrl: `${door.url}/identity/v2.0`,
    token: state.token,
    asked: door.asked,
    addImage: (image) =>
      void cloud.images.push({
        name: `image ${image.id}`,
        status: 'ACTIVE',
        metadata: { OSFAMILY: 'linux', USERS: 'root debian' },
        users: { root: 0, debian: 1000 },
        groups: { root: 0, debian: 1000 },
        folders: new Set(FOLDERS),
        ...image,
      }),
    addFlavor: (flavor) =>
      void cloud.flavors.push({
        name: `C1R512D10_${flavor.id}`,
        vcpus: 1,
        ram: 512,
        disk: 10,
        allowCreate: true,
        ...flavor,
      }),
    addNetwork: (network, floating = []) => {
      cloud.networks.push({
        name: `network ${network.id}`,
        public: floating.length > 0,
        state: 'ACTIVE',
        prefix: '192.168.0',
        ...network,
      })
      cloud.floating.set(network.id, [...floating])
    },
    servers: () => cloud.servers,
    keyPairs: () => cloud.keyPairs,
    customized: (id) => cloud.servers.find((each) => each.id === id)?.customized,
    setFaults: (faults) => door.faults.set(faults),
    endToken: () => {
      state.token = 'another-token'
    },
  }
}
