import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCloudError, type ErrorCode } from '../../model/errors.ts'
import type { Call, VolumeGroup } from '../provider.ts'
import { createIdentity } from './identity.ts'
import { novaServers } from './servers.ts'
import type { Asked, ReplayedCloud, Reply } from './testdata/replay.ts'
import { jsonReply, replayCall, withReplayedSession } from './testdata/session.ts'
import { cinderGroup } from './volumes.ts'

const GIB = 1024 ** 3
const PROJECT = '8717515b469444dda4cabd25f2797400'
const VOLUME = '0f6cb2c2-4a2b-4f43-9d0b-6c1c0d6b9a11'
const SERVER = 'f1b09edf-b441-40d6-b24c-ec1e9206ea13'
const OUR_ID = '0b450db4-423f-4927-94c6-88bd035ad269'
const LINK = { linkId: '5a1d1c5e-7d53-4a0c-8a51-2f6b7c3a9e10', volumeRemoteId: VOLUME }
const CINDER = `/v3/${PROJECT}`
const ATTACHMENTS = `/v2.1/servers/${SERVER}/os-volume_attachments`

/** The cloud that answers as its specification says, and us. The recorded catalogue has no Cinder: its address is set. */
async function withVolumes(use: (cloud: ReplayedCloud, volumes: VolumeGroup) => Promise<void>): Promise<void> {
  await withReplayedSession(async ({ cloud, settings: recorded, http }) => {
    const volume = { interface: 'public', override: `${cloud.url}/v3/%(project_id)s` } as const
    const settings = { ...recorded, endpoints: { ...recorded.endpoints, volume } }
    const identity = createIdentity({ name: 'site', settings, http }, () => Date.parse('2026-11-22T10:12:20Z'))
    const open = async (each: Call) => {
      const session = await identity.session(each)
      return { session, servers: novaServers(session, 'site', 90) }
    }
    await use(cloud, cinderGroup(open, 'site'))
  })
}

/** Answers these requests by what stands in these files: one after the other, and the last again and again. */
function answers(cloud: ReplayedCloud, script: Readonly<Record<string, readonly (string | Reply)[]>>): void {
  const left = new Map(Object.entries(script).map(([what, replies]) => [what, [...replies]]))
  cloud.answer = ({ method, path }: Asked) => {
    const replies = left.get(`${method} ${path}`)
    const reply = replies && replies.length > 1 ? replies.shift() : replies?.[0]
    return typeof reply === 'string' ? cloud.recorded(reply) : reply
  }
}

const count = (cloud: ReplayedCloud, what: string) => cloud.log.filter((line) => line === what).length
const failsWith = (asked: Promise<unknown>, code: ErrorCode, words: RegExp) =>
  assert.rejects(asked, (error) => {
    assert.ok(isCloudError(error, code), String(error))
    assert.match(error.message, words)
    return true
  })

describe('volumes as Cinder and Nova have them', () => {
  it('are made with our id among their metadata, once they are not found by it', () =>
    withVolumes(async (cloud, volumes) => {
      answers(cloud, {
        [`GET ${CINDER}/volumes/detail`]: [jsonReply({ volumes: [] })],
        [`GET ${CINDER}/volumes/${VOLUME}`]: ['cinder-volume-show'],
      })
      const made = { remoteId: VOLUME, ourId: OUR_ID, state: 'online', sizeBytes: 2 * GIB }
      const request = { id: OUR_ID, name: 'data', sizeBytes: GIB + 1 }
      assert.deepEqual(await volumes.create(request, replayCall()), made)
      assert.equal(count(cloud, `POST ${CINDER}/volumes`), 1)

      // Now the list has it: the recorded answer is to the very filter.
      cloud.answer = () => undefined
      assert.deepEqual(await volumes.create(request, replayCall()), made)
      assert.deepEqual(await volumes.find(OUR_ID, replayCall()), made)
      assert.equal(count(cloud, `POST ${CINDER}/volumes`), 1)
    }))

  it('are not taken for ours where a site ignores the filter', () =>
    withVolumes(async (cloud, volumes) => {
      const other = { id: 'another', status: 'available', size: 1, metadata: { bellhop: LINK.linkId } }
      answers(cloud, {
        [`GET ${CINDER}/volumes/detail`]: [jsonReply({ volumes: [other, { ...other, id: 'foreign', metadata: {} }] })],
      })
      assert.equal(await volumes.find(OUR_ID, replayCall()), undefined)
    }))

  it('are in error with what Cinder tells people of it, or with its own word', () =>
    withVolumes(async (cloud, volumes) => {
      answers(cloud, { [`GET ${CINDER}/volumes/${VOLUME}`]: ['cinder-volume-error'] })
      const { state, reason } = await volumes.get(VOLUME, replayCall())
      const said = 'Cinder calls it error_extending: extend volume:Compute service failed to extend volume.'
      assert.deepEqual([state, reason], ['error', said])
      answers(cloud, {
        [`GET ${CINDER}/volumes/${VOLUME}`]: ['cinder-volume-error'],
        [`GET ${CINDER}/messages`]: [{ status: 406 }],
      })
      assert.equal((await volumes.get(VOLUME, replayCall())).reason, 'Cinder calls it error_extending')
    }))

  it('are refused with the code that says what can be done', () =>
    withVolumes(async (cloud, volumes) => {
      const unknown = '00000000-0000-4000-8000-000000000000'
      await failsWith(volumes.get(unknown, replayCall()), 'not-found', /could not be found/)
      await volumes.delete(unknown, replayCall())
      answers(cloud, { [`GET ${CINDER}/volumes/detail`]: [jsonReply({ volumes: [] })] })
      await failsWith(
        volumes.create({ id: OUR_ID, name: 'data', sizeBytes: 5000 * GIB }, replayCall()),
        'conflict',
        /413.*quota is 1000G/,
      )
      answers(cloud, { [`GET ${CINDER}/volumes/${VOLUME}`]: ['cinder-volume-show'] })
      await failsWith(volumes.delete(VOLUME, replayCall()), 'conflict', /have snapshots/)
      await failsWith(volumes.act(VOLUME, 'backup', replayCall()), 'unsupported', /no backup/)
    }))

  it('grow by whole GiB, and with a microversion where a server has them', () =>
    withVolumes(async (cloud, volumes) => {
      const grown = jsonReply({ volume: { id: VOLUME, status: 'available', size: 3 } })
      answers(cloud, { [`GET ${CINDER}/volumes/${VOLUME}`]: ['cinder-volume-show', grown] })
      await volumes.act(VOLUME, 'resize', replayCall(), 2 * GIB + 1)
      answers(cloud, {
        [`GET ${CINDER}/volumes/${VOLUME}`]: ['cinder-volume-in-use', grown],
        [`POST ${CINDER}/volumes/${VOLUME}/action`]: ['cinder-volume-extend'],
      })
      await volumes.act(VOLUME, 'resize', replayCall(), 3 * GIB)
      const asked = cloud.asked.filter(({ path }) => path.endsWith('/action'))
      assert.deepEqual(
        asked.map(({ body, headers }) => [body, headers['openstack-api-version']]),
        [
          [{ 'os-extend': { new_size: 3 } }, undefined],
          [{ 'os-extend': { new_size: 3 } }, 'volume 3.42'],
        ],
      )
      answers(cloud, { [`GET ${CINDER}/volumes/${VOLUME}`]: ['cinder-volume-show', 'cinder-volume-error'] })
      await failsWith(volumes.act(VOLUME, 'resize', replayCall(), 3 * GIB), 'provider-failed', /Compute service failed/)
    }))

  it('have snapshots, which are waited for', () =>
    withVolumes(async (cloud, volumes) => {
      answers(cloud, { [`GET ${CINDER}/volumes/${VOLUME}`]: ['cinder-volume-show'] })
      await volumes.act(VOLUME, 'snapshot', replayCall())
      assert.equal(cloud.log.at(-1), `GET ${CINDER}/snapshots/7be2a7e4-9a3a-43c0-8f0f-0f5d1a1f7b02`)
      assert.equal(count(cloud, `POST ${CINDER}/snapshots`), 1)
    }))

  it('are attached by Nova, and told by the device that Nova names', () =>
    withVolumes(async (cloud, volumes) => {
      answers(cloud, {
        [`GET ${CINDER}/volumes/${VOLUME}`]: ['cinder-volume-show', 'cinder-volume-in-use'],
        [`GET ${ATTACHMENTS}`]: [jsonReply({ volumeAttachments: [] }), 'nova-volume-attachments'],
        [`POST ${ATTACHMENTS}`]: ['nova-volume-attach'],
      })
      const attached = { linkId: LINK.linkId, device: 'vdb' }
      assert.deepEqual(await volumes.attach(SERVER, LINK, replayCall()), attached)
      assert.deepEqual(await volumes.attach(SERVER, LINK, replayCall()), attached)
      assert.equal(count(cloud, `POST ${ATTACHMENTS}`), 1)
      const marked = cloud.asked.filter(({ path }) => path.endsWith('/metadata')).map(({ body }) => body)
      assert.deepEqual(marked, [{ metadata: { bellhop_link: LINK.linkId } }])
    }))

  it('that another server has are refused, whoever sees it first', () =>
    withVolumes(async (cloud, volumes) => {
      const [none, post] = [jsonReply({ volumeAttachments: [] }), `POST ${ATTACHMENTS}`]
      answers(cloud, { [`GET ${CINDER}/volumes/${VOLUME}`]: ['cinder-volume-in-use'], [`GET ${ATTACHMENTS}`]: [none] })
      await failsWith(volumes.attach(SERVER, LINK, replayCall()), 'conflict', /server .* has volume .*; take it away/)
      assert.equal(count(cloud, post), 0)
      answers(cloud, {
        [`GET ${CINDER}/volumes/${VOLUME}`]: ['cinder-volume-show'],
        [`GET ${ATTACHMENTS}`]: [none],
        [post]: ['nova-volume-attach-refused'],
      })
      await failsWith(volumes.attach(SERVER, LINK, replayCall()), 'conflict', /already attached to instances/)
    }))

  it('are taken away, and waited for until Nova does not have them any more', () =>
    withVolumes(async (cloud, volumes) => {
      const none = jsonReply({ volumeAttachments: [] })
      answers(cloud, {
        [`GET ${CINDER}/volumes/${VOLUME}`]: ['cinder-volume-in-use', 'cinder-volume-show'],
        [`GET ${ATTACHMENTS}`]: ['nova-volume-attachments', none],
        [`DELETE ${ATTACHMENTS}/${VOLUME}`]: ['nova-volume-detach'],
      })
      await volumes.detach(SERVER, LINK, replayCall())
      await volumes.detach(SERVER, LINK, replayCall())
      assert.equal(count(cloud, `DELETE ${ATTACHMENTS}/${VOLUME}`), 1)
      answers(cloud, {
        [`GET ${CINDER}/volumes/${VOLUME}`]: ['cinder-volume-in-use'],
        [`GET ${ATTACHMENTS}`]: ['nova-volume-attachments'],
        [`DELETE ${ATTACHMENTS}/${VOLUME}`]: ['nova-volume-detach'],
      })
      await failsWith(volumes.detach(SERVER, LINK, replayCall()), 'conflict', /does not let go/)
    }))
})
