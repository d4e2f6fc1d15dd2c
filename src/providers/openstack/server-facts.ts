import type { InstanceFacts } from '../../model/context.ts'
import type { Server } from './server-state.ts'

/**
 * What a server's guest is told of it, in so far as Nova tells us too: users of its API do not learn the EC2 ids and the
 * root device, administrators learn some of them.
 *
 * @see Nova, Compute API: Show server details
 */
export function factsOf(server: Server): Partial<InstanceFacts> {
  const { name, tenant_id: projectId, flavor, security_groups: groups } = server
  // Below 2.47 the flavor has no name here.
  const sizeName = flavor?.original_name
  const zone = server['OS-EXT-AZ:availability_zone']
  const launchIndex = server['OS-EXT-SRV-ATTR:launch_index']
  const rootDevice = server['OS-EXT-SRV-ATTR:root_device_name']
  const reservationId = server['OS-EXT-SRV-ATTR:reservation_id']
  return {
    name,
    ...(projectId === undefined ? {} : { projectId }),
    ...(sizeName === undefined ? {} : { sizeName }),
    ...(zone ? { zone } : {}),
    ...(launchIndex === undefined ? {} : { launchIndex }),
    ...(rootDevice ? { rootDevice } : {}),
    ...(reservationId ? { ec2: { reservationId } } : {}),
    ...publicIpv4Of(server),
    // One without cards is in none; while it is being made, they are not known.
    ...(groups || server.status !== 'BUILD' ? { securityGroups: groups?.map((group) => group.name) ?? [] } : {}),
  }
}

/** The first floating address. */
function publicIpv4Of({ addresses = {} }: Server): Pick<InstanceFacts, 'publicIpv4'> {
  const floating = Object.values(addresses)
    .flat()
    .find((address) => address['OS-EXT-IPS:type'] === 'floating' && address.version === 4)
  return floating ? { publicIpv4: floating.addr } : {}
}
