import type { TestContext } from 'node:test'
import type { OwnProject } from './own-project.ts'

/** A public network for one project alone, with few addresses, and a network of that project from which a router leads to it. */
export interface PublicNetwork {
  readonly publicId: string
  /** What its router has left. */
  readonly addressesLeft: number
  readonly insideId: string
  /** Of the project, with no router. */
  readonly islandId: string
}

const ADDRESSES_LEFT = 2

/** All of it is gone with the test. */
export async function openPublicNetwork(
  t: Pick<TestContext, 'after'>,
  { id: project_id, targets, admin }: Pick<OwnProject, 'id' | 'targets' | 'admin'>,
): Promise<PublicNetwork> {
  const url = `${targets.network}/v2.0`
  const make = async (kind: string, fields: object): Promise<string> => {
    const made = await admin<Record<string, { id: string }>>('POST', `${url}/${kind}s`, { [kind]: fields })
    const id = made[kind]?.id
    if (id === undefined) throw new Error(`no ${kind} was made`)
    return id
  }
  const undo: (() => Promise<unknown>)[] = []
  t.after(async () => {
    for (const each of undo.toReversed()) await each()
  })
  const network = async (
    name: string,
    cidr: string,
    more: object,
    ofSubnet: object = {},
  ): Promise<[string, string]> => {
    const id = await make('network', { name, ...more })
    undo.push(() => admin('DELETE', `${url}/networks/${id}`))
    const subnet = { network_id: id, ip_version: 4, cidr, enable_dhcp: false, ...more, ...ofSubnet }
    return [id, await make('subnet', subnet)]
  }
  // One of them the router takes.
  const pool = { start: '203.0.113.10', end: `203.0.113.${10 + ADDRESSES_LEFT}` }
  const [publicId] = await network('public', '203.0.113.0/24', {}, { allocation_pools: [pool] })
  await admin('POST', `${url}/rbac-policies`, {
    rbac_policy: {
      object_type: 'network',
      object_id: publicId,
      action: 'access_as_external',
      target_tenant: project_id,
    },
  })
  const [insideId, subnet_id] = await network('inside', '10.91.0.0/24', { project_id })
  const [islandId] = await network('island', '10.92.0.0/24', { project_id })
  const router = await make('router', { name: 'gate', project_id, external_gateway_info: { network_id: publicId } })
  undo.push(() => admin('DELETE', `${url}/routers/${router}`))
  await admin('PUT', `${url}/routers/${router}/add_router_interface`, { subnet_id })
  undo.push(() => admin('PUT', `${url}/routers/${router}/remove_router_interface`, { subnet_id }))
  return { publicId, addressesLeft: ADDRESSES_LEFT, insideId, islandId }
}
