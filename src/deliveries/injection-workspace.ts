import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CloudError, reasonOf } from '../model/errors.ts'

/** A folder of its own for one injection. It goes when this is disposed of, and when this process dies, however that happens. */
export interface Workspace extends AsyncDisposable {
  readonly folder: string
}

/** A disk image that QEMU shows as one plain file, until this is disposed of or this process dies. */
export interface Export extends AsyncDisposable {
  /** The file's name in the folder. */
  readonly file: string
}

/*
 * Both scripts wait for the end of their input, whose other end this process alone holds: so they hear of its death too, even of
 * SIGKILL, and clean up after it. They have sessions of their own, so that a Ctrl-C meant for us does not end them first.
 */

/** What is exported cannot be deleted until the export has ended: so again and again, for twenty seconds. */
const REMOVE = `
cat
tries=0
until rm -rf -- "$1" 2>/dev/null || [ "$((tries += 1))" -gt 200 ]; do sleep 0.1; done
`

/** The program's output ends with the program, so that its end is seen from here. */
const KEEP = `
"$@" &
program=$!
exec >/dev/null 2>&1
cat
kill "$program"
wait "$program"
`

/** @param parent the folder that it stands in @throws {CloudError} unavailable when nothing can be written there */
export async function openWorkspace(parent: string): Promise<Workspace> {
  const folder = join(parent, `.bellhop-inject-${randomBytes(8).toString('hex')}`)
  // First, so that there is never a folder that nobody takes away.
  const keeper = startKeeper(REMOVE, [folder], '/')
  try {
    await mkdir(folder, { mode: 0o700 })
  } catch (cause) {
    await release(keeper)
    throw new CloudError('unavailable', `${parent}: a folder to work in is needed there: ${reasonOf(cause)}`, { cause })
  }
  return { folder, [Symbol.asyncDispose]: () => release(keeper) }
}

const QSD = 'qemu-storage-daemon'
const READY_MS = 10_000
const LOOK_EVERY_MS = 2
const FILE = 'view'

/**
 * Lets QEMU show the qcow2 image `disk` of a folder as a plain file there, over FUSE.
 *
 * @returns in words, why it cannot
 */
export async function exportOverFuse(
  folder: string,
  disk: string,
  { sizeBytes, isWritable }: { readonly sizeBytes: number; readonly isWritable: boolean },
): Promise<Export | string> {
  const file = FILE
  await writeFile(join(folder, file), '', { mode: 0o600 })
  const [readOnly, writable] = isWritable ? ['off', 'on'] : ['on', 'off']
  const daemon = [
    ['--blockdev', `driver=file,filename=${disk},node-name=file,read-only=${readOnly}`],
    ['--blockdev', `driver=qcow2,file=file,node-name=disk,read-only=${readOnly}`],
    ['--export', `type=fuse,id=view,node-name=disk,mountpoint=${file},writable=${writable},allow-other=off`],
  ]
  const keeper = startKeeper(KEEP, [QSD, ...daemon.flat()], folder)
  let said = ''
  keeper.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
  const until = performance.now() + READY_MS
  while (keeper.stderr?.closed === false && performance.now() < until) {
    // It may end at any moment, and then its file cannot even be looked at.
    const { size } = await stat(join(folder, file)).catch(() => ({ size: 0 }))
    if (size === sizeBytes) return { file, [Symbol.asyncDispose]: () => end(keeper) }
    await sleep(LOOK_EVERY_MS)
  }
  await release(keeper)
  return said.trim() || `${QSD} did not show the image in ${READY_MS / 1000} s`
}

/** It writes the last of it as it ends. */
async function end(keeper: ChildProcess): Promise<void> {
  await release(keeper)
  if (keeper.exitCode !== 0)
    throw new CloudError('provider-failed', `${QSD} did not end well: what was written may not be whole`)
}

function startKeeper(script: string, parameters: readonly string[], cwd: string): ChildProcess {
  const keeper = spawn('sh', ['-c', script, 'bellhop-inject', ...parameters], {
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true,
    cwd,
  })
  // What it would tell us by this, its end tells too.
  keeper.stdin?.on('error', () => {})
  return keeper
}

const END_MS = 30_000

/** Closes a keeper's input and waits until it has done its work. */
async function release(keeper: ChildProcess): Promise<void> {
  const { pid } = keeper
  if (keeper.exitCode !== null || keeper.signalCode !== null) return
  const ended = once(keeper, 'exit')
  keeper.stdin?.end()
  const timer = setTimeout(() => {
    // Its whole session: what it started too.
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  }, END_MS)
  await ended
  clearTimeout(timer)
}
