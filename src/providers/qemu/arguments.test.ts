import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { toArguments } from './arguments.ts'
import type { Machine } from './machine.ts'

const ID = '6c1f3c6e-0d5f-4c64-9a53-6f6f5b1f2a10'
const KERNEL: Machine = {
  id: ID,
  source: {
    kind: 'kernel',
    kernel: '/images/demo/kernel',
    initrd: '/images/demo/initrd',
    commandLine: 'console=ttyS0 quiet',
  },
  cores: 2,
  memoryMiB: 512,
}
const DISK: Machine = { ...KERNEL, source: { kind: 'disk', path: '/images/debian.qcow2', format: 'qcow2' } }
const HOST = {
  accelerator: 'tcg',
  netcat: '/usr/bin/nc.openbsd',
  volumePath: (id: string) => `/volumes/${id}/disk.qcow2`,
} as const

describe('QEMU arguments', () => {
  it('start a kernel with all that every machine has', () => {
    const network =
      'user,id=net0,ipv6=off,net=169.254.0.0/16,host=169.254.2.2,dns=169.254.2.3,dhcpstart=169.254.2.15,' +
      "guestfwd=tcp:169.254.169.254:80-cmd:'/usr/bin/nc.openbsd' -N -w 60 -U '/run/b/1.sock'"
    const expected = [
      ['-name', `bellhop-${ID}`, '-nodefaults', '-no-user-config', '-display', 'none'],
      ['-machine', 'pc', '-accel', 'tcg', '-cpu', 'max'],
      ['-smp', '2', '-m', '512'],
      ['-smbios', `type=1,manufacturer=OpenStack Foundation,product=OpenStack Nova,uuid=${ID}`],
      ['-device', 'virtio-rng-pci'],
      ['-chardev', 'file,id=console,path=console.log,append=on', '-serial', 'chardev:console'],
      ['-chardev', 'socket,id=control,path=qmp.sock,server=on,wait=off'],
      ['-mon', 'chardev=control,mode=control'],
      ['-netdev', network],
      ['-device', 'virtio-net-pci,netdev=net0,mac=52:54:00:87:b1:73,romfile='],
      ['-kernel', '/images/demo/kernel', '-initrd', '/images/demo/initrd', '-append', 'console=ttyS0 quiet'],
      ['-daemonize', '-pidfile', 'pid'],
    ]
    assert.deepEqual(toArguments({ ...KERNEL, metadataSocketPath: '/run/b/1.sock' }, HOST), expected.flat())
  })

  it('boot a disk image from its overlay alone', () => {
    const given = toArguments(DISK, HOST)
    assert.deepEqual(valuesOf(given, '-drive'), ['file=overlay.qcow2,format=qcow2,if=none,id=disk0,discard=unmap'])
    assert.ok(given.includes('virtio-blk-pci,drive=disk0,bootindex=1'))
    assert.ok(!given.includes('-kernel') && !given.some((each) => each.includes('/images/')))
  })

  it('give a kernel that has a disk an overlay of it as its first disk', () => {
    const disk = { path: '/images/linux/disk.qcow2', format: 'qcow2' } as const
    const source = { kind: 'kernel', kernel: '/k', commandLine: 'root=/dev/vda', disk } as const
    const given = toArguments({ ...KERNEL, source, seed: 'vfat' }, HOST)
    assert.deepEqual(valuesOf(given, '-kernel'), ['/k'])
    assert.deepEqual(
      valuesOf(given, '-drive').map((drive) => parseOption(`drive,${drive}`).get('file')),
      ['overlay.qcow2', 'seed.img'],
    )
  })

  it('attach no disk that was not offered, an ISO as a CD-ROM, VFAT as a disk, neither to be written', () => {
    assert.deepEqual(valuesOf(toArguments(KERNEL, HOST), '-drive'), [])
    const drive = 'file=seed.img,format=raw,if=none,id=seed,readonly=on'
    const [iso, vfat] = (['iso', 'vfat'] as const).map((seed) => toArguments({ ...KERNEL, seed }, HOST))
    assert.deepEqual(valuesOf(iso ?? [], '-drive'), [drive])
    assert.ok(iso?.includes('scsi-cd,drive=seed') && iso.includes('virtio-scsi-pci'))
    assert.deepEqual(valuesOf(vfat ?? [], '-drive'), [drive])
    assert.ok(vfat?.includes('virtio-blk-pci,drive=seed') && !vfat.includes('virtio-scsi-pci'))
  })

  it('attach volumes after the machine’s own disks and cards after its first, whatever is in a path', () => {
    const volumePath = (id: string) => `/a, "path"/${id}/disk.qcow2`
    const disk = { linkId: 'l', volumeRemoteId: 'v', device: 'vdc' }
    const cards = [
      { linkId: 'c', networkRemoteId: 'n', device: 'eth1', mac: '52:54:00:00:00:01' },
      { linkId: 'u', networkRemoteId: 'user', device: 'eth0', mac: '52:54:00:00:00:02' },
    ]
    const given = toArguments({ ...DISK, seed: 'vfat', disks: [disk], cards }, { ...HOST, volumePath })
    const [node] = valuesOf(given, '-blockdev').map((each) => JSON.parse(each) as Record<string, unknown>)
    assert.deepEqual(node?.['file'], { driver: 'file', filename: '/a, "path"/v/disk.qcow2' })
    const devices = valuesOf(given, '-device')
    const places = ['drive=disk0', 'drive=seed', '"serial":"v"'].map((part) =>
      devices.findIndex((each) => each.includes(part)),
    )
    assert.deepEqual(
      places,
      places.toSorted((a, b) => a - b),
    )
    assert.ok(!places.includes(-1))
    assert.equal(devices.filter((each) => each.includes('virtio-net-pci')).length, 2)
    assert.ok(!given.some((each) => each.includes('52:54:00:00:00:02')), 'the fixed card is there already')
  })

  it('let nothing answer at the metadata address where no metadata server was offered', () => {
    const [network = ''] = valuesOf(toArguments(KERNEL, HOST), '-netdev')
    assert.equal(parseOption(network).get('guestfwd'), 'tcp:169.254.169.254:80-cmd:/bin/false')
  })

  it('give KVM the whole processor', () => {
    const given = toArguments(KERNEL, { ...HOST, accelerator: 'kvm' })
    assert.deepEqual([...valuesOf(given, '-accel'), ...valuesOf(given, '-cpu')], ['kvm', 'host'])
  })

  it("bring any path through QEMU's commas and its shell's quotes", () => {
    const path = fc.stringMatching(/^\/[ -~é]{1,60}$/)
    fc.assert(
      fc.property(path, (metadataSocketPath) => {
        const [network = ''] = valuesOf(toArguments({ ...KERNEL, metadataSocketPath }, HOST), '-netdev')
        const command = (parseOption(network).get('guestfwd') ?? '').replace(/^.*-cmd:/, '')
        assert.deepEqual(parseShellWords(command), ['/usr/bin/nc.openbsd', '-N', '-w', '60', '-U', metadataSocketPath])
      }),
    )
  })
})

function valuesOf(given: readonly string[], name: string): readonly string[] {
  return given.flatMap((each, index) => (given[index - 1] === name ? [each] : []))
}

/** QEMU's own rule: a value ends at a comma that is not doubled. */
function parseOption(text: string): ReadonlyMap<string, string> {
  const parts = text.match(/(?:[^,]|,,)+/g) ?? []
  return new Map(
    parts.map((part) => {
      const [key = '', ...value] = part.split('=')
      return [key, value.join('=').replaceAll(',,', ',')]
    }),
  )
}

/** As GLib's g_shell_parse_argv does it, for what we use of it: single quotes and backslashes. */
function parseShellWords(text: string): readonly string[] {
  const words = text.match(/(?:'[^']*'|\\.|[^\s'\\])+/g) ?? []
  return words.map((word) =>
    word.replaceAll(/'([^']*)'|\\(.)/g, (_, quoted?: string, escaped?: string) => quoted ?? escaped ?? ''),
  )
}
