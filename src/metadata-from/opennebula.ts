import { CloudError, isCloudError } from '../model/errors.ts'
import { toOneId, type OneRecord } from '../providers/one-xml.ts'
import type { OneVm } from '../providers/opennebula/api-vms.ts'
import type { OpenNebulaApi } from '../providers/opennebula/api.ts'

import type { Call } from '../providers/provider.ts'
import type { GuestRecords } from './guest-records.ts'
import { addressesOf, isServed, recordOf } from './opennebula-context.ts'

/** How an OpenNebula is read. StratusLab's is one, with `addressesFrom: 'vms'`. */
export interface OpenNebulaRecordsOptions {
  readonly api: Pick<OpenNebulaApi, 'network' | 'vm' | 'vms'>
  /** Tells its ids from those of another OpenNebula, where VMs have no UUID: its name for ever. */
  readonly zone: string
  /** What guests read as their availability zone (default: nothing). */
  readonly availabilityZone?: string
  /**
   * `leases`: of the networks, which the account has to manage (default). `vms`: of all VMs that it may use, which is more to
   * read, and needs no right on networks.
   */
  readonly addressesFrom?: 'leases' | 'vms'
  readonly log: (line: string) => void
}

const ALL_USABLE = -2

/**
 * What an OpenNebula knows of its VMs.
 *
 * @see OpenNebula, XML-RPC API: one.vn.info, one.vm.info
 */
export function openNebulaRecords(options: OpenNebulaRecordsOptions): GuestRecords {
  const { api, addressesFrom = 'leases', log } = options
  /** One list serves all networks that are read at the same time. */
  let listing: Promise<readonly OneVm[]> | undefined
  const told = new Set<string>()

  function tellOnce(line: string): void {
    if (!told.has(line)) log(line)
    // A set that no guest can fill.
    if (told.size < 1000) told.add(line)
  }

  async function leasesOf(network: string, call: Call): Promise<readonly (readonly [string, number])[]> {
    const { ranges } = await api.network(idOf(network), call)
    const leases = ranges.flatMap((range) => range.leases)
    if (leases.length === 0)
      tellOnce(
        `network ${network} shows no leases: it has no guests, or the account may not manage it; then grant it MANAGE, or read addresses from VMs`,
      )
    return leases.flatMap(({ addresses, vmId }) =>
      vmId === undefined ? [] : addresses.map((address) => [address, vmId] as const),
    )
  }

  async function cardsIn(network: string, call: Call): Promise<readonly (readonly [string, number])[]> {
    listing ??= api.vms({ filter: ALL_USABLE }, call).finally(() => (listing = undefined))
    return (await listing).flatMap(({ id, nics, nicAliases }) =>
      [...nics, ...nicAliases]
        .filter((card) => isIn(card, network))
        .flatMap((card) => addressesOf(card).map((address) => [address, id] as const)),
    )
  }

  return {
    async guestsOf(network, call) {
      const pairs = addressesFrom === 'vms' ? await cardsIn(network, call) : await leasesOf(network, call)
      const guests = new Map<string, string>()
      const disputed = new Set<string>()
      for (const [address, vmId] of pairs) {
        const other = guests.get(address)
        if (other !== undefined && other !== String(vmId)) disputed.add(address)
        guests.set(address, String(vmId))
      }
      for (const address of disputed) {
        guests.delete(address)
        tellOnce(`network ${network}: several VMs have ${address}; none of them is answered there`)
      }
      return guests
    },

    async guest(id, call) {
      const vm = await api.vm(idOf(id), call).catch((error: unknown) => {
        // One that is deleted is still shown; this one was taken out of the data base.
        if (isCloudError(error, 'not-found')) return undefined
        throw error
      })
      return vm && isServed(vm) ? recordOf(vm, options, tellOnce) : undefined
    },
  }
}

function isIn(card: OneRecord, network: string): boolean {
  return card['NETWORK_ID'] === network
}

function idOf(text: string): number {
  const id = toOneId(text)
  if (id !== undefined) return id
  throw new CloudError(
    'invalid',
    `"${text.slice(0, 50)}" is no id of OpenNebula's; give the number that onevnet list shows`,
  )
}
