import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseConsoleLine } from '../../src/formats/guest-report.ts'
import type { GuestWord } from '../../src/formats/guest-word.ts'
import { isListing, type Files } from '../../src/model/files.ts'

/** The agent under test. */
export const AGENT = fileURLToPath(new URL('../../guest/bellhop-agent', import.meta.url))

/** The shells of this machine: `sh` there is always. */
export const SHELLS: readonly (readonly string[])[] = [['sh'], ['dash'], ['bash'], ['busybox', 'ash']].filter(isThere)

/** What a run of the agent came to. */
export interface Run {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A machine for the agent: a folder that it takes for the root, with a user `root` and nothing else. */
export interface Machine {
  readonly root: string
  /** Writes files below the root; paths without slash at the beginning. */
  put(files: Readonly<Record<string, string | Uint8Array>>): void
  /** Writes a tree as a disk would have it, and gives its folder. */
  disk(files: Files): string
  /** A file of the machine's; `undefined` where there is none. */
  read(path: string): Buffer | undefined
  run(...options: readonly string[]): Promise<Run>
  /** What it said on its console so far, as our gateway understands it; what that does not understand throws. */
  words(): readonly GuestWord[]
}

/** @param shell what runs the agent */
export function makeMachine(t: Pick<TestContext, 'after'>, shell: readonly string[] = ['sh']): Machine {
  const folder = mkdtempSync(join(tmpdir(), 'bellhop-agent-test-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const root = join(folder, 'root')
  let disks = 0
  const write = (path: string, bytes: string | Uint8Array): void => {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, bytes)
  }
  const machine: Machine = {
    root,
    put: (files) => {
      for (const [path, bytes] of Object.entries(files)) write(join(root, path), bytes)
    },
    disk: (files) => {
      const disk = join(folder, `disk-${++disks}`)
      mkdirSync(disk)
      for (const [path, { bytes }] of files) if (!isListing(path)) write(join(disk, path), bytes)
      return disk
    },
    read: (path) => (existsSync(join(root, path)) ? readFileSync(join(root, path)) : undefined),
    run: async (...options) => {
      const [program, ...words] = [...shell, AGENT, '--root', root, '--console', join(root, 'console'), '--wait', '3']
      const child = spawn(program, [...words, ...options], { stdio: ['ignore', 'pipe', 'pipe'] })
      const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
      return { status: child.exitCode, stdout, stderr }
    },
    words: () => {
      const lines = machine.read('console')?.toString().trimEnd().split('\n') ?? []
      return lines.map((line) => {
        const word = parseConsoleLine(line, undefined)
        if (word === undefined) throw new Error(`the gateway does not understand ${line}`)
        return word
      })
    },
  }
  machine.put({ 'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\njane:x:1000:1000::/home/jane:/bin/sh\n' })
  return machine
}

function isThere([program = '']: readonly string[]): boolean {
  try {
    execFileSync('sh', ['-c', 'command -v "$1"', 'sh', program], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
