import type { TestContext } from 'node:test'
import type { OwnProject } from './own-project.ts'
import { untilHolds } from './rest.ts'

const LIMIT_MS = 60_000

/** Networks of all kinds, for one project alone. */
export interface ParityNetworks {
  /** IPv4 by DHCP, and IPv6 by SLAAC. */
  readonly dualId: string
  /** IPv6 and IPv4 without DHCP, of which the latter has no gateway; small packets. */
  readonly mixedId: string
  /** A security group. */
  readonly groupName: string
  /** Gives a server a public address, and waits until Nova knows of it. */
  readonly publish: (serverId: string) => Promise<void>
}

/** Makes them; they are gone with the test. */
export async function makeNetworks(t: Pick<TestContext, 'after'>, own: OwnProject): Promise<ParityNetworks> {
  const neutron = `${own.targets.network}/v2.0`
  const undo: (() => Promise<unknown>)[] = []
  // The project's servers and ports go first, and some of them take their time.
  t.after(async () => {
    for (const step of undo.toReversed())
      await untilHolds('the network is gone', LIMIT_MS, async () =>
        step().then(
          () => true,
          () => false,
        ),
      )
  })
  const make = async (kind: string, fields: object, ask = own.ask): Promise<string> => {
    const path = `${neutron}/${kind.replaceAll('_', '-')}`
    const list = path.endsWith('y') ? path.replace(/y$/, 'ies') : `${path}s`
    const made = await ask<Record<string, { id: string }>>('POST', list, { [kind]: fields })
    const id = made[kind]?.id ?? ''
    undo.push(() => own.admin('DELETE', `${list}/${id}`))
    return id
  }
  const dualId = await make('network', { name: 'dual' })
  const dual4Id = await make('subnet', {
    network_id: dualId,
    ip_version: 4,
    cidr: '10.91.0.0/24',
    dns_nameservers: ['10.91.0.3', '10.91.0.2'],
  })
  await make('subnet', {
    network_id: dualId,
    ip_version: 6,
    cidr: '2001:db8:91::/64',
    ipv6_address_mode: 'slaac',
    ipv6_ra_mode: 'slaac',
    dns_nameservers: ['2001:db8:91::2'],
  })
  const mixedId = await make('network', { name: 'mixed', mtu: 1400 })
  const byHand = { network_id: mixedId, enable_dhcp: false }
  await make('subnet', { ...byHand, ip_version: 6, cidr: '2001:db8:92::/80' })
  await make('subnet', { ...byHand, ip_version: 4, cidr: '10.92.0.0/22', gateway_ip: null })
  const groupName = 'web'
  await make('security_group', { name: groupName })

  async function publish(serverId: string): Promise<void> {
    // Others must not see it: they would take it for theirs.
    const outsideId = await make('network', { name: 'outside' }, own.admin)
    await make('subnet', { network_id: outsideId, ip_version: 4, cidr: '192.0.2.0/24' }, own.admin)
    const policy = { object_type: 'network', object_id: outsideId, action: 'access_as_external' }
    await make('rbac_policy', { ...policy, target_tenant: own.id }, own.admin)
    const routerId = await make('router', { external_gateway_info: { network_id: outsideId } })
    const interfaces = { subnet_id: dual4Id }
    await own.ask('PUT', `${neutron}/routers/${routerId}/add_router_interface`, interfaces)
    undo.push(() => own.admin('PUT', `${neutron}/routers/${routerId}/remove_router_interface`, interfaces))
    const query = `device_id=${serverId}&network_id=${dualId}`
    const { ports } = await own.ask<{ ports: { id: string }[] }>('GET', `${neutron}/ports?${query}`)
    const portId = ports[0]?.id ?? ''
    await make('floatingip', { floating_network_id: outsideId, port_id: portId })
    const nova = `${own.targets.compute}/v2.1`
    // What Neutron tells Nova where the two are set up to talk.
    await own.admin('POST', `${nova}/os-server-external-events`, {
      events: [{ name: 'network-changed', server_uuid: serverId, tag: portId }],
    })
    await untilHolds('Nova knows the public address', LIMIT_MS, async () =>
      JSON.stringify(await own.ask('GET', `${nova}/servers/${serverId}`)).includes('"floating"'),
    )
  }

  return { dualId, mixedId, groupName, publish }
}
