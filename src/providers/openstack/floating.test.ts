import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCloudError, type ErrorCode } from '../../model/errors.ts'
import { floatingAddresses, toJoined } from './floating.ts'
import type { Port } from './ports.ts'
import type { Asked, Reply } from './testdata/replay.ts'
import { jsonReply, withReplayedSession, type ReplayedSession } from './testdata/session.ts'

const OUR_ID = '0b450db4-423f-4927-94c6-88bd035ad269'
const LINK = {
  linkId: '5a1d1c5e-7d53-4a0c-8a51-2f6b7c3a9e10',
  networkRemoteId: '075c5301-e840-4175-bc88-9a802c73b70c',
}
const PORT = 'c380cb1b-5ef2-4942-b266-7f5dc5c129f5'
const RECORDED = 'neutron-floatingip-create'
const DESCRIPTION = `bellhop:${LINK.linkId} bellhop:${OUR_ID}`

const portWith = (id: string): Port => ({ id, name: '', mac_address: '', device_id: '', fixed_ips: [] })
const there = (port_id: string | null, description = DESCRIPTION): Reply =>
  jsonReply({ floatingips: [{ id: 'f', floating_ip_address: '192.0.2.167', port_id, description }] })
const refused = (status: number, type: string, message: string): Reply =>
  jsonReply({ NeutronError: { type, message, detail: '' } }, status)

/** @param list what is there before @param take what taking one answers */
async function withAddresses(
  list: Reply,
  take: (asked: Asked, recorded: Reply) => Reply,
  use: (rig: ReplayedSession, addresses: ReturnType<typeof floatingAddresses>) => Promise<void>,
): Promise<void> {
  await withReplayedSession(async (rig) => {
    rig.cloud.answer = (asked) => {
      if (!asked.path.startsWith('/v2.0/floatingips')) return undefined
      return asked.method === 'GET' ? list : take(asked, rig.cloud.recorded(RECORDED))
    }
    await use(rig, floatingAddresses(rig.session, 'site'))
  })
}

const NONE = jsonReply({ floatingips: [] })

describe('public addresses', () => {
  it('are taken with the link and the instance that they are for, as a real Neutron gives them', () =>
    withAddresses(
      NONE,
      (_asked, recorded) => recorded,
      async ({ cloud }, addresses) => {
        const taken = await addresses.join(OUR_ID, [portWith(PORT)], LINK)
        assert.deepEqual(cloud.asked.at(-1)?.body, {
          floatingip: { floating_network_id: LINK.networkRemoteId, port_id: PORT, description: DESCRIPTION },
        })
        assert.equal(taken.floating_ip_address, '192.0.2.167')
      },
    ))

  it('are found again after an answer that was lost', () =>
    withAddresses(
      there(PORT),
      () => assert.fail('another was taken'),
      async (_rig, addresses) => {
        const found = await addresses.join(OUR_ID, [portWith(PORT)], LINK)
        assert.deepEqual(toJoined(found), { linkId: LINK.linkId, address: '192.0.2.167' })
        assert.deepEqual(await addresses.ofInstance(OUR_ID), [found])
        assert.deepEqual(await addresses.ofInstance(LINK.linkId), [])
      },
    ))

  it('lead to another card, where theirs is gone', () =>
    withAddresses(
      there(null),
      (_asked, recorded) => recorded,
      async (rig, addresses) => {
        await addresses.join(OUR_ID, [portWith(PORT)], LINK)
        assert.deepEqual(rig.asked(), ['GET /v2.0/floatingips', 'PUT /v2.0/floatingips/f'])
      },
    ))

  it('lead to the first card that they reach', () =>
    withAddresses(
      NONE,
      ({ body }, recorded) =>
        JSON.stringify(body).includes(PORT) ? recorded : refused(404, 'ExternalGatewayForFloatingIPNotFound', 'far'),
      async (rig, addresses) => {
        await addresses.join(OUR_ID, [portWith('island'), portWith(PORT)], LINK)
        assert.equal(rig.asked().filter((line) => line.startsWith('POST')).length, 2)
      },
    ))

  const REFUSALS: readonly (readonly [string, Reply, readonly Port[], ErrorCode, RegExp])[] = [
    ['no router', refused(404, 'ExternalGatewayForFloatingIPNotFound', 'x'), [portWith(PORT)], 'conflict', /no router/],
    [
      'no address left',
      refused(409, 'ExternalIpAddressExhausted', 'No more IP addresses available on network x.'),
      [portWith(PORT)],
      'conflict',
      /no address is to be had: .*No more IP.*release one first/,
    ],
    ['no card', NONE, [], 'conflict', /no card yet/],
    ['a rule of the site', refused(403, 'PolicyNotAuthorized', 'no'), [portWith(PORT)], 'forbidden', /403/],
  ]
  for (const [why, reply, cards, code, words] of REFUSALS)
    it(`are refused for ${why}, in words that help`, () =>
      withAddresses(
        NONE,
        () => reply,
        async (_rig, addresses) => {
          await assert.rejects(
            addresses.join(OUR_ID, cards, LINK),
            (error) => isCloudError(error, code) && words.test(error.message),
          )
        },
      ))

  it('of others are never ours, and a Neutron without routers has none', async () => {
    for (const reply of [there(PORT, 'bellhop:'), there(PORT, 'theirs'), refused(404, 'HTTPNotFound', 'none')])
      await withAddresses(
        reply,
        () => NONE,
        async (_rig, addresses) => assert.deepEqual(await addresses.ours(), []),
      )
  })
})
