import { access, constants, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runProgram } from '../../wire/programs.ts'

export type Accelerator = 'kvm' | 'tcg'

/** The processor that guests see: all that the host has, or all that can be emulated. */
export const CPU: Readonly<Record<Accelerator, string>> = { kvm: 'host', tcg: 'max' }

/** The program that runs the machines, and Debian's package with it. */
export const QEMU = { program: 'qemu-system-x86_64', debianPackage: 'qemu-system-x86' } as const

// A boot sector that has QEMU exit with what it writes to the port of isa-debug-exit: (0x10 << 1) | 1.
//
// | offset | bytes    | meaning                            |
// |-------:|----------|------------------------------------|
// |      0 | ba 01 05 | mov dx, 0x501                      |
// |      3 | b0 10    | mov al, 0x10                       |
// |      5 | ee       | out dx, al                         |
// |      6 | f4       | hlt                                |
// |    510 | 55 aa    | what makes a sector a boot sector  |
const EXIT_CODE = 33

function bootSector(): Uint8Array {
  const sector = new Uint8Array(512)
  sector.set([0xba, 0x01, 0x05, 0xb0, 0x10, 0xee, 0xf4])
  sector.set([0x55, 0xaa], 510)
  return sector
}

/**
 * Whether guests really run with an accelerator: a tiny one is booted, through the firmware, and must end by itself.
 * `/dev/kvm` may be there, open and answer while every guest hangs, or crawls as one that is emulated twice. After `limitMs`
 * it is killed for certain.
 *
 * @throws {CloudError} unavailable when QEMU is not installed
 */
export async function canRun(accelerator: Accelerator, limitMs: number): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-probe-'))
  try {
    await writeFile(join(folder, 'disk'), bootSector())
    const parameters = [
      [
        '-nodefaults',
        '-no-user-config',
        '-display',
        'none',
        '-machine',
        'pc',
        '-accel',
        accelerator,
        '-cpu',
        CPU[accelerator],
      ],
      ['-m', '16'],
      ['-drive', 'file=disk,format=raw,if=ide'],
      ['-device', 'isa-debug-exit,iobase=0x501,iosize=1'],
    ].flat()
    const ended = await runProgram(QEMU.program, parameters, { ...QEMU, limitMs, cwd: folder })
    return ended.exitCode === EXIT_CODE
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

// Where KVM works the tiny guest ends within 0.2 s, and emulated within 0.1 s: what needs longer is not worth having.
const PROBE_MS = 2000

let probed: Promise<Accelerator> | undefined

/**
 * KVM where it works, else TCG; tried once per process.
 *
 * @throws {CloudError} unavailable when QEMU is not installed
 */
export function bestAccelerator(log: (line: string) => void): Promise<Accelerator> {
  probed ??= probe(log)
  return probed
}

async function probe(log: (line: string) => void): Promise<Accelerator> {
  const isThere = await access('/dev/kvm', constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  )
  if (isThere && (await canRun('kvm', PROBE_MS))) return 'kvm'
  const why = isThere ? '/dev/kvm is there, but a guest did not run with it' : 'there is no /dev/kvm that we may use'
  log(`${why}: guests are emulated (TCG), which is slow`)
  return 'tcg'
}
