import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { isCloudError } from '../../model/errors.ts'
import { cardPart, diskPart, renumbered, withAttachments, withCard, withDisk } from './attachments.ts'
import type { Machine } from './machine.ts'
import { macOf, networkOf } from './network.ts'

const BARE: Machine = {
  id: '6c1f3c6e-0d5f-4c64-9a53-6f6f5b1f2a10',
  source: { kind: 'kernel', kernel: '/k', commandLine: '' },
  cores: 1,
  memoryMiB: 256,
}
const WITH_DISK: Machine = { ...BARE, source: { kind: 'disk', path: '/d', format: 'raw' } }

const volume = (name: string) => ({ linkId: `link-${name}`, volumeRemoteId: name })
const card = (name: string, networkRemoteId = 'n') => ({ linkId: `link-${name}`, networkRemoteId })
const devicesOf = ({ disks = [], cards = [] }: Machine) => [...disks, ...cards].map(({ device }) => device)

describe('what a QEMU machine is joined to', () => {
  it('is named as Linux does: disks after those of the machine itself, cards after the fixed one', () => {
    const both = [volume('a'), volume('b')]
    assert.deepEqual(devicesOf(withAttachments(BARE, both)), ['vda', 'vdb'])
    assert.deepEqual(devicesOf(withAttachments({ ...BARE, seed: 'iso' }, both)), ['vda', 'vdb'])
    assert.deepEqual(devicesOf(withAttachments({ ...WITH_DISK, seed: 'vfat' }, both)), ['vdc', 'vdd'])
    assert.deepEqual(devicesOf(withAttachments(BARE, [], [card('a'), card('b', 'user'), card('c')])), [
      'eth1',
      'eth0',
      'eth2',
    ])
  })

  it('takes the first name that is free while it runs, and has no gaps after a new start', () => {
    const three = withAttachments(BARE, [volume('a'), volume('b'), volume('c')], [card('a'), card('b')])
    const fewer = { ...three, disks: three.disks?.slice(1) ?? [], cards: three.cards?.slice(1) ?? [] }
    assert.deepEqual(devicesOf(withCard(withDisk(fewer, volume('d')), card('c'))), [
      'vdb',
      'vdc',
      'vda',
      'eth2',
      'eth1',
    ])
    assert.deepEqual(devicesOf(renumbered(fewer)), ['vda', 'vdb', 'eth1'])
    assert.deepEqual(renumbered(three), three)
  })

  it('has one card on the network that all are on', () => {
    const machine = withCard(BARE, card('a', 'user'))
    assert.deepEqual(machine.cards, [
      {
        ...card('a', 'user'),
        device: 'eth0',
        mac: macOf(BARE.id),
        address: '169.254.2.15',
        gateway: '169.254.2.2',
      },
    ])
    assert.throws(
      () => withCard(machine, card('b', 'user')),
      (error) => isCloudError(error, 'conflict'),
    )
  })

  it('has no more disks than there are names', () => {
    const many = Array.from({ length: 26 }, (_, index) => volume(`${index}`))
    assert.throws(
      () => withAttachments(WITH_DISK, many),
      (error) => isCloudError(error, 'conflict'),
    )
  })

  it('is foreseen as it then is, the fixed card first and by DHCP', () => {
    const told = { ...card('a'), address: '192.0.2.7', prefixLength: 24, gateway: '192.0.2.1' }
    const networks = [told, card('u', 'user'), { ...card('b'), mac: '52:54:00:00:00:09' }]
    const foreseen = networkOf(BARE.id, networks)
    assert.deepEqual(foreseen, networkOf(BARE.id, withAttachments(BARE, [], networks).cards))
    assert.deepEqual(
      foreseen.nics.map(({ id, mac }) => [id, mac]),
      [
        ['net0', macOf(BARE.id)],
        ['link-a', macOf('link-a')],
        ['link-b', '52:54:00:00:00:09'],
      ],
    )
    assert.deepEqual(
      foreseen.nics.map(({ addresses }) => addresses.map(({ assignment, address }) => [assignment, address])),
      [[['dhcp', '169.254.2.15']], [['static', '192.0.2.7']], []],
    )
  })

  it('has names in QEMU that are allowed there, and a group of its own for each network', () => {
    fc.assert(
      fc.property(fc.string(), fc.uuid(), (linkId, id) => {
        const disk = diskPart({ linkId, volumeRemoteId: id }, '/v/disk.qcow2')
        const nic = cardPart({ linkId, networkRemoteId: id, device: 'eth1', mac: macOf(id) })
        for (const name of [disk.backend.id, disk.device.id, nic.backend.id, nic.device.id])
          assert.match(name, /^[a-z][a-z0-9-]{0,30}$/)
        assert.match(String(disk.device['serial']), /^[0-9a-f]{20}$/)
        assert.match(String(nic.backend.options['mcast']), /^239(\.\d{1,3}){3}:[2-5]\d{4}$/)
      }),
    )
    const groupOf = (networkRemoteId: string) =>
      cardPart({ ...card('a', networkRemoteId), device: 'eth1', mac: '' }).backend.options['mcast']
    assert.notEqual(groupOf('a'), groupOf('b'))
  })
})
