import type { Flavor, Image, KeyPair, Limits, Network, Port, Server, Version } from './model.ts'
import { customize, isBuildError } from './snf-image.ts'

/** Everything that a site knows. */
export interface Cloud {
  readonly version: Version
  readonly token: string
  readonly limits: Limits
  readonly images: Image[]
  readonly flavors: Flavor[]
  readonly networks: Network[]
  readonly servers: Server[]
  readonly keyPairs: KeyPair[]
  /** Ids of networks that every server is put on, and of those that it is put on when it asks for none. */
  readonly forced: readonly number[]
  readonly byDefault: readonly number[]
  /** Addresses that the account has, by network. */
  readonly floating: Map<number, string[]>
  /** Does it a moment later. */
  later(task: () => void): void
}

let lastPort = 0

/** A card on a network; a public one takes one of the account's addresses. @returns nothing where none is free */
export function newPort(cloud: Cloud, network: Network, wished: string | undefined): Port | undefined {
  lastPort += 1
  const mac = `aa:0c:f0:00:${hex(lastPort >> 8)}:${hex(lastPort & 0xff)}`
  const base = { id: lastPort, networkId: network.id, mac }
  if (!network.public)
    return { ...base, ipv4: wished ?? `${network.prefix}.${10 + (lastPort % 200)}`, isFloating: false }
  const free = cloud.floating.get(network.id) ?? []
  const index = wished === undefined ? 0 : free.indexOf(wished)
  const [ipv4] = index === -1 ? [] : free.splice(index, 1)
  return ipv4 === undefined ? undefined : { ...base, ipv4, isFloating: true }
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}

/** What Ganeti does once Cyclades has answered. */
export function build(cloud: Cloud, server: Server): void {
  cloud.later(() => {
    if (server.task !== 'BUILD') return
    try {
      server.customized = customize(server.image, server.params, `snf-${server.id}`)
      server.operState = 'STARTED'
    } catch (error) {
      if (!isBuildError(error)) throw error
      server.operState = 'ERROR'
      server.diagnostic = error.message
    }
    server.task = undefined
  })
}

/** Ends what goes on with the state that it leads to. */
export function finish(cloud: Cloud, server: Server, operState: string): void {
  cloud.later(() => {
    if (server.task === 'DESTROY') return
    server.operState = operState
    server.task = undefined
  })
}

export function destroy(cloud: Cloud, server: Server): void {
  server.task = 'DESTROY'
  cloud.later(() => {
    server.isDeleted = true
    server.task = undefined
    for (const { networkId, ipv4, isFloating } of server.ports)
      if (isFloating) cloud.floating.get(networkId)?.push(ipv4)
  })
}
