import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { renderJson } from '../../layouts/json.ts'
import { toNetworkData } from '../../layouts/openstack-network.ts'
import type { NetworkConfig } from '../../model/context.ts'
import { networkOf } from './server-network.ts'
import { readServer, type Server } from './server-state.ts'
import { jsonReply, withReplayedSession, type ReplayedSession } from './testdata/session.ts'
import type { Reply } from './testdata/replay.ts'

const LISTS = ['/v2.0/ports', '/v2.0/subnets', '/v2.0/networks'] as const
const RECORDED = { ports: 'neutron-ports-cards', subnets: 'neutron-subnets-cards', networks: 'neutron-networks-cards' }

/** A cloud that answers by these files, or in these words. */
async function withCards(
  answers: Readonly<Record<keyof typeof RECORDED, string | Reply>>,
  use: (rig: ReplayedSession, server: Server) => Promise<void>,
): Promise<void> {
  await withReplayedSession(async (rig) => {
    const { cloud } = rig
    cloud.answer = ({ path }) => {
      const kind = (['ports', 'subnets', 'networks'] as const).find((each) => path === `/v2.0/${each}`)
      const answer = kind && answers[kind]
      return typeof answer === 'string' ? cloud.recorded(answer) : answer
    }
    await use(rig, readServer(JSON.parse(cloud.recorded('nova-server-cards').body ?? ''), 'x'))
  })
}

async function toldByNova(): Promise<string> {
  return await readFile(new URL('testdata/nova-network_data-cards.json', import.meta.url), 'utf8')
}

/** What a guest is told. */
function rendered(network: NetworkConfig | undefined): string | undefined {
  return network && renderJson(toNetworkData(network))
}

describe("a server's cards", () => {
  it('are told as Nova tells the guest, byte by byte, where the cloud shows their kind', async () => {
    await withCards({ ...RECORDED, ports: 'neutron-ports-cards-admin' }, async ({ session }, server) => {
      assert.equal(rendered(await networkOf(session, server)), await toldByNova())
    })
  })

  it('are told so, but for their kind, where it does not', async () => {
    await withCards(RECORDED, async ({ session }, server) => {
      const expected = (await toldByNova()).replaceAll('"type": "ovs"', '"type": "phy"')
      assert.equal(rendered(await networkOf(session, server)), expected)
    })
  })

  it('are asked for by one list of each', async () => {
    await withCards(RECORDED, async ({ cloud, session, asked }, server) => {
      await networkOf(session, server)
      assert.deepEqual(asked().toSorted(), LISTS.map((path) => `GET ${path}`).toSorted())
      const queryOf = (path: string) => new URLSearchParams(cloud.asked.find((each) => each.path === path)?.query)
      assert.equal(queryOf('/v2.0/ports').get('device_id'), server.id)
      assert.equal(queryOf('/v2.0/subnets').getAll('id').length, 5)
      assert.equal(queryOf('/v2.0/networks').getAll('id').length, 3)
    })
  })

  it('are none where Neutron has none, and then nothing more is asked', async () => {
    await withCards({ ...RECORDED, ports: jsonReply({ ports: [] }) }, async ({ session, asked }, server) => {
      assert.deepEqual(await networkOf(session, { ...server, addresses: {} }), { nics: [] })
      assert.deepEqual(asked(), ['GET /v2.0/ports'])
    })
  })

  it('are not looked for before the server has its place', async () => {
    await withCards(RECORDED, async ({ session, asked }, server) => {
      assert.equal(await networkOf(session, { ...server, status: 'BUILD' }), undefined)
      assert.deepEqual(asked(), [])
    })
  })

  it('are what Nova alone knows of them where Neutron does not answer, or not as it should', async () => {
    for (const ports of [{ status: 503 }, { status: 403 }, jsonReply({ ports: [{}] })])
      await withCards({ ...RECORDED, ports }, async ({ session }, server) => {
        const { nics = [] } = (await networkOf(session, server)) ?? {}
        assert.deepEqual(
          nics.map((nic) => [nic.id, nic.addresses.map(({ address, assignment }) => [address, assignment])]),
          [
            [
              'fa:16:3e:e0:11:df',
              [
                ['10.92.2.24', 'dhcp'],
                ['2001:db8:92::f1', 'dhcp'],
              ],
            ],
            ['fa:16:3e:85:1a:93', [['10.77.1.213', 'dhcp']]],
            // Not the floating one, which no guest sees.
            [
              'fa:16:3e:8e:1e:e6',
              [
                ['2001:db8:91:0:f816:3eff:fe8e:1ee6', 'dhcp'],
                ['10.91.0.107', 'dhcp'],
              ],
            ],
          ],
        )
        assert.equal(await networkOf(session, { ...server, addresses: {} }), undefined)
      })
  })

  it('are kept as Nova has them where Neutron does not show us one of them, or its subnets', async () => {
    await withCards({ ...RECORDED, ports: jsonReply({ ports: [] }) }, async ({ session }, server) => {
      const { nics = [] } = (await networkOf(session, server)) ?? {}
      assert.equal(nics.length, 3)
    })
    await withCards({ ...RECORDED, subnets: jsonReply({ subnets: [] }) }, async ({ session }, server) => {
      const [first] = (await networkOf(session, server))?.nics ?? []
      assert.deepEqual(
        first?.addresses.map(({ address, assignment }) => [address, assignment]),
        [
          ['10.92.2.24', 'dhcp'],
          ['2001:db8:92::f1', 'dhcp'],
        ],
      )
    })
  })

  it('have the first address of each family alone, as guests of Nova do', async () => {
    const port = (fixed: readonly (readonly [string, string])[]) => ({
      id: 'p1',
      mac_address: 'FA:16:3E:00:00:01',
      network_id: 'n1',
      'binding:vif_type': 'binding_failed',
      fixed_ips: fixed.map(([subnet_id, ip_address]) => ({ subnet_id, ip_address })),
    })
    const plain = { gateway_ip: null, enable_dhcp: false, dns_nameservers: [] }
    const answers = {
      ports: jsonReply({
        ports: [
          port([
            ['six', '2001:db8::5'],
            ['four', '192.0.2.5'],
            ['four', '192.0.2.6'],
            ['other', '198.51.100.5'],
          ]),
        ],
      }),
      subnets: jsonReply({
        subnets: [
          { ...plain, id: 'four', ip_version: 4, cidr: '192.0.2.0/24' },
          { ...plain, id: 'other', ip_version: 4, cidr: '198.51.100.0/24' },
          { ...plain, id: 'six', ip_version: 6, cidr: '2001:db8::/64', ipv6_address_mode: 'slaac' },
        ],
      }),
      networks: jsonReply({ networks: [{ id: 'n1', mtu: 9000 }] }),
    }
    await withCards(answers, async ({ session }, server) => {
      assert.deepEqual(await networkOf(session, { ...server, addresses: {} }), {
        nics: [
          {
            id: 'p1',
            mac: 'fa:16:3e:00:00:01',
            mtu: 9000,
            addresses: [
              { address: '192.0.2.5', prefixLength: 24, networkId: 'n1', assignment: 'static' },
              { address: '2001:db8::5', prefixLength: 64, networkId: 'n1', assignment: 'slaac' },
            ],
          },
        ],
      })
    })
  })
})
