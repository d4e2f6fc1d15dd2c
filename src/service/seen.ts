import { isIPv4 } from 'node:net'
import type { NetworkConfig } from '../model/context.ts'
import type { Instance } from '../model/instance.ts'
import type { RemoteInstance } from '../providers/provider.ts'

/** What its cloud tells of an instance, in so far as its guest is to be told too. */
export function learnt(
  instance: Pick<Instance, 'facts'>,
  { network, facts }: Pick<RemoteInstance, 'network' | 'facts'>,
): Pick<Instance, 'network' | 'facts'> {
  const localIpv4 = network && firstIpv4(network)
  // Whoever tells of a machine tells of its public address, if it has one still.
  const { publicIpv4, ...kept } = instance.facts
  return {
    ...(network ? { network } : {}),
    facts: {
      ...kept,
      ...(facts || publicIpv4 === undefined ? {} : { publicIpv4 }),
      ...(localIpv4 === undefined ? {} : { localIpv4 }),
      ...facts,
    },
  }
}

function firstIpv4({ nics }: NetworkConfig): string | undefined {
  return nics.flatMap((nic) => nic.addresses.map(({ address }) => address)).find((address) => isIPv4(address))
}
