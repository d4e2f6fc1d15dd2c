import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { isCloudError } from '../../model/errors.ts'
import { createHttpClient } from '../../wire/http.ts'
import type { OneNetwork } from './api-pools.ts'
import type { OneVm } from './api-vms.ts'
import { openNebulaApi } from './api.ts'
import { ADMIN, call, replay, sentText, type Ask } from './testdata/replay.ts'

describe('reading', () => {
  it('the version', async () => {
    assert.equal(await replay('system-version', (api, call) => api.version(call)), '6.8.0')
  })

  it('who asks, without what is secret', async () => {
    assert.deepEqual(await replay('user-info-self', (api, call) => api.user(call)), {
      id: 0,
      name: 'oneadmin',
      gid: 0,
      sshPublicKey: 'ssh-ed25519 AAAAC3Nza admin@example.org',
    })
  })

  it('templates, with their CONTEXT as it was written', async () => {
    const ttylinux = {
      id: 0,
      uid: 0,
      gid: 0,
      name: 'ttylinux-ctx',
      attributes: {
        single: { CPU: '0.1', MEMORY: '64', VCPU: '1' },
        vectors: { DISK: [{ IMAGE: 'ttylinux' }], NIC: [{ NETWORK: 'public' }] },
      },
      context: { NETWORK: 'YES', SSH_PUBLIC_KEY: '$USER[SSH_PUBLIC_KEY]' },
    }
    assert.deepEqual(await replay('template-info', (api, call) => api.template(0, call)), ttylinux)
    assert.deepEqual(await replay('template-info-encrypted-and-restricted', (api, call) => api.template(1, call)), {
      id: 1,
      uid: 0,
      gid: 0,
      name: 'with-restricted',
      attributes: { single: { CPU: '0.1', MEMORY: '64' }, vectors: {} },
      context: { FILES: '/srv/x.sh', NETWORK: 'YES', PASSWORD: '6nA/MuxBRaMUUJm1z/9iXA==' },
    })
    const all = await replay('templatepool-all', (api, call) => api.templates(call))
    assert.deepEqual(all, [ttylinux])
  })

  it('images', async () => {
    const found = await replay('imagepool-all', (api, call) => api.images(call))
    const common = { uid: 0, state: 1, sizeMiB: 1024 }
    assert.deepEqual(found, [
      { ...common, id: 1, name: 'myinit.sh', type: 5, attributes: { single: {}, vectors: {} } },
      { ...common, id: 0, name: 'ttylinux', type: 0, attributes: { single: { DEV_PREFIX: 'sd' }, vectors: {} } },
    ])
  })

  it('networks, with their ranges', async () => {
    const [network, ...more] = (await replay('vnpool-all', (api, call) => api.networks(call))) as readonly OneNetwork[]
    assert.deepEqual(more, [])
    const { id, name, state, attributes, ranges } = network ?? assert.fail()
    assert.deepEqual([id, name, state, attributes.single['NETWORK_MASK']], [0, 'public', 1, '255.255.255.0'])
    const range = { AR_ID: '0', IP: '192.0.2.100', MAC: '02:00:c0:00:02:64', SIZE: '50', TYPE: 'IP4' }
    assert.deepEqual(ranges, [{ attributes: range, leases: [] }])
    const whole = (await replay('vn-info', (api, call) => api.network(0, call))) as OneNetwork
    assert.deepEqual(whole.ranges, [
      {
        attributes: { ...range, MAC_END: '02:00:c0:00:02:95', IP_END: '192.0.2.149', USED_LEASES: '0' },
        leases: [],
      },
    ])
  })

  it('a VM, whole', async () => {
    const vm = (await replay('vm-info-running-request-id', (api, call) => api.vm(4, call))) as OneVm
    const { context = {}, disks, nics, template, ...rest } = vm
    assert.deepEqual(rest, {
      id: 4,
      uid: 0,
      gid: 0,
      name: 'ctx-vm-5',
      state: 3,
      lcmState: 3,
      createdAt: 1795340266,
      nicAliases: [],
      userTemplate: {
        single: { FEDCTX_ID: '4f8c2b9e-0a51-4a57-9f0e-2f1b7f0c6a11', LABELS: 'fedctx-4f8c2b9e' },
        vectors: {},
      },
      hostName: 'dummyhost',
    })
    assert.equal(Object.keys(context).length, 29)
    assert.deepEqual(
      [context['USER_DATA'], context['ETH0_IP'], context['ETH0_IP6'], context['SSH_PUBLIC_KEY']],
      ['I2Nsb3VkLWNvbmZpZwp7fQo=', '192.0.2.104', '', 'ssh-ed25519 AAAAC3Nza admin@example.org'],
    )
    assert.deepEqual([disks.length, disks[0]?.['IMAGE_ID'], nics.length, nics[0]?.['IP']], [1, '0', 1, '192.0.2.104'])
    assert.deepEqual(
      [template.single['MEMORY'], template.vectors['OS']],
      ['64', [{ UUID: '61524347-2a8e-4a63-b181-18c6285944ac' }]],
    )
    assert.deepEqual(Object.keys(template.vectors), ['OS', 'SECURITY_GROUP_RULE'])
  })

  it('a VM that is deleted, one that waits, and one that failed with its reason', async () => {
    const done = (await replay('vm-info-done', (api, call) => api.vm(2, call))) as OneVm
    assert.deepEqual([done.state, typeof done.endedAt], [6, 'number'])
    const pending = (await replay('vm-info-pending', (api, call) => api.vm(0, call))) as OneVm
    assert.deepEqual([pending.state, pending.hostName, pending.nics[0]?.['IP'] !== undefined], [1, undefined, true])
    const failed = (await replay('vm-info-context-failure', (api, call) => api.vm(13, call))) as OneVm
    assert.deepEqual([failed.state, failed.lcmState], [3, 36])
    assert.match(failed.userTemplate.single['ERROR'] ?? '', /CONTEXT\/FILES cannot use/)
  })

  it('VMs of a pool, without CONTEXT, the newest first, and aliases among their cards', async () => {
    const ids = async (name: string, ask: Ask) => ((await replay(name, ask)) as readonly OneVm[]).map(({ id }) => id)
    const [mine] = (await replay('vmpool-mine-pending', (api, call) => api.vms({}, call))) as readonly OneVm[]
    assert.deepEqual([mine?.state, mine?.context, mine?.disks.length], [1, undefined, 1])
    const all = await ids('vmpool-all-including-done', (api, call) => api.vms({ filter: -2, state: -2 }, call))
    assert.deepEqual(
      all,
      all.toSorted((a, b) => b - a),
    )
    assert.ok(all.length > 10)
    const page = { filter: -2, state: -2, range: [0, -2] } as const
    assert.deepEqual(await ids('vmpool-page-first', (api, call) => api.vms(page, call)), [11, 10])
    const [nics] = (await replay('vmpool-three-nics-and-alias', (api, call) =>
      api.vms({ filter: -2, range: [20, 20] }, call),
    )) as readonly OneVm[]
    assert.deepEqual(
      nics?.nics.map((nic) => [nic['NIC_ID'], nic['IP'], nic['IP6_GLOBAL']]),
      [
        ['0', '192.0.2.100', undefined],
        ['1', '192.0.2.111', undefined],
        ['2', '198.51.100.10', '2001:db8::c6ff:fe33:640a'],
        ['3', '192.0.2.112', undefined],
      ],
    )
    const set = await ids('vmpool-infoset-short', (api, call) => api.vmSet([0, 4, 99], call))
    assert.deepEqual(set, [4, 0])
  })
})

describe('changing', () => {
  it('a new VM has the id that was answered', async () => {
    const name = 'instantiate-xml-merged-with-request-id'
    const extra = await sentText(name, 4)
    const ask: Ask = (api, call) => api.instantiate(0, { name: 'ctx-vm-5', extra }, call)
    assert.equal(await replay(name, ask), 4)
    const template = await sentText('allocate-stratuslab-context', 1)
    assert.equal(
      typeof (await replay('allocate-stratuslab-context', (api, call) => api.allocate(template, {}, call))),
      'number',
    )
    const held = await sentText('instantiate-xml-bad-key', 4)
    const hold: Ask = (api, call) => api.instantiate(0, { name: 'w', extra: held, isHeld: true }, call)
    assert.equal(typeof (await replay('instantiate-xml-bad-key', hold)), 'number')
  })

  const CHANGES: Readonly<Record<string, Ask>> = {
    'action-poweroff': (api, call) => api.act(2, 'poweroff', call),
    'action-resume': (api, call) => api.act(2, 'resume', call),
    'action-release': (api, call) => api.act(9, 'release', call),
    'action-terminate-hard': (api, call) => api.act(2, 'terminate-hard', call),
    'updateconf-append': (api, call) => api.updateConf(1, 'CONTEXT=[ EXTRA="1" ]', 'merge', call),
    'updateconf-replace': async (api, call) =>
      api.updateConf(1, await sentText('updateconf-replace', 2), 'replace', call),
    'vm-update-merge': (api, call) => api.updateVm(4, 'FEDCTX_NOTE="second revision"', 'merge', call),
    'recover-delete': (api, call) => api.recover(3, 'delete', call),
  }
  for (const [name, ask] of Object.entries(CHANGES))
    it(name, async () => {
      assert.equal(await replay(name, ask), undefined)
    })
})

describe('what is sent', () => {
  it('has no character that OpenNebula cannot hold, nor a reference to one', async () => {
    const http = createHttpClient()
    // Nobody is asked: the address is of nowhere.
    const api = openNebulaApi({ url: 'http://127.0.0.1:1/RPC2', session: ADMIN, http, name: 'one' })
    for (const text of ['😀', '&#128512;', '&#x1F600;', '&#x0001f600;'])
      await assert.rejects(api.updateVm(1, `<T><A>${text}</A></T>`, 'merge', call()), (error) => {
        assert.ok(isCloudError(error, 'invalid'), String(error))
        assert.match(error.message, /^one: one\.vm\.update: parameter 2 has a character above U\+FFFF/)
        return true
      })
    await assert.rejects(api.updateVm(1, '<T><A>&#65535;é\0</A></T>', 'merge', call()), (error) => {
      assert.ok(isCloudError(error, 'invalid'), String(error))
      assert.match(error.message, /^one: one\.vm\.update: parameter 2: character 16 of 24 is a control character/)
      return true
    })
    await http.close()
  })
})

describe('trouble on the way', () => {
  const ASKED: readonly (readonly [string, Ask, times: number])[] = [
    ['reading', (api, call) => api.vms({}, call), 2],
    ['the whole of a CONTEXT', (api, call) => api.updateConf(1, '<T><CONTEXT/></T>', 'replace', call), 2],
    ['terminating', (api, call) => api.act(1, 'terminate-hard', call), 2],
    ['any other action', (api, call) => api.act(1, 'reboot', call), 1],
    ['making a VM', (api, call) => api.instantiate(1, {}, call), 1],
    ['making a VM of attributes', (api, call) => api.allocate('CPU=1', {}, call), 1],
    ['changing attributes', (api, call) => api.updateVm(1, 'A="1"', 'merge', call), 1],
    ['recovering', (api, call) => api.recover(1, 'retry', call), 1],
  ]
  for (const [name, ask, times] of ASKED)
    it(`lets ${name} be asked ${times === 1 ? 'once' : 'again'}`, async () => {
      let asked = 0
      const server = createServer((request) => {
        asked++
        request.socket.destroy()
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/RPC2`
      const http = createHttpClient({ maxTries: 2, sleep: async () => {} })
      try {
        await assert.rejects(ask(openNebulaApi({ url, session: ADMIN, http, name: 'one' }), call()), (error) => {
          assert.ok(isCloudError(error, 'unavailable'), String(error))
          assert.equal(error.message.endsWith('whether it was done is unknown'), times === 1, error.message)
          return true
        })
        assert.equal(asked, times)
      } finally {
        await http.close()
        await new Promise((resolve) => server.close(resolve))
      }
    })
})
