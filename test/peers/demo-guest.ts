import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Image, Size } from '../../src/model/instance.ts'
import type { Call, CreateRequest, Offer, Provider } from '../../src/providers/provider.ts'
import { buildDemoGuest } from '../../src/providers/qemu/demo-guest/build.ts'
import { qemuProvider, type QemuProviderOptions } from '../../src/providers/qemu/index.ts'
import { need } from './need.ts'

/** How long an emulated guest on a busy host may take for anything that a test waits for, in milliseconds. */
export const PATIENCE_MS = 90_000

const PACKAGES = [
  ['qemu-system-x86_64', 'qemu-system-x86'],
  ['qemu-img', 'qemu-utils'],
  ['nc.openbsd', 'netcat-openbsd'],
  ['dpkg-deb', 'dpkg'],
] as const

/** Whether all is there that QEMU's guests need; else the test is skipped, or fails in CI. */
export function needQemu(t: Pick<TestContext, 'skip'>): boolean {
  return PACKAGES.every(([program, debianPackage]) => need(t, program, debianPackage))
}

/** A QEMU provider for one test, and how the demo guest's kernel is to be told more than usual. */
export interface QemuUnderTest extends Partial<QemuProviderOptions> {
  readonly kernelArguments?: string
}

/** A QEMU provider in a folder of its own, with the demo guest as its first image. All of it ends with the test. */
export async function openQemu(t: Pick<TestContext, 'after' | 'diagnostic'>, options: QemuUnderTest = {}) {
  const guest = await buildDemoGuest({ log: (line) => t.diagnostic(line) })
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-qemu-'))
  const stateDir = join(folder, 'state')
  const { kernelArguments, ...more } = options
  const images = kernelArguments === undefined ? {} : { images: [await guestWith(kernelArguments, guest, folder)] }
  const provider = qemuProvider({ stateDir, stopGraceMs: 20_000, ...images, ...more })
  t.after(async () => {
    const left = await provider.list(call())
    await Promise.all(left.map(({ remoteId }) => provider.delete(remoteId, call())))
    await rm(folder, { recursive: true })
  })
  return { provider, folder, stateDir }
}

async function guestWith(kernelArguments: string, guest: string, folder: string): Promise<{ path: string }> {
  const path = join(folder, 'demo-guest')
  await mkdir(path)
  for (const name of ['kernel', 'initrd']) await symlink(join(guest, name), join(path, name))
  await writeFile(
    join(path, 'cmdline'),
    `${(await readFile(join(guest, 'cmdline'), 'utf8')).trim()} ${kernelArguments}`,
  )
  return { path }
}

/** Starts a guest from the provider's first image and size. @returns its id */
export async function boot(provider: Provider, offers: readonly Offer[] = []): Promise<string> {
  const [image] = await provider.images(call())
  const [size] = await provider.sizes(call())
  assert.ok(image && size)
  return (await provider.create(requestFor(randomUUID(), image, size, offers), call())).remoteId
}

/** A request that names an image and a size, and what is to be attached. */
export function requestFor(id: string, image: Image, size: Size, offers: readonly Offer[] = []): CreateRequest {
  const spec = { publicKeys: [], variables: {}, files: [], labels: {} }
  return { id, image, size, spec, plan: { provider: image.provider, deliveries: [], warnings: [] }, offers }
}

/** What the demo guest says on its console, one object a line. */
export interface Told {
  readonly stage: 'fetched' | 'applied' | 'failed' | 'finished'
  readonly method?: string
  readonly path?: string
  readonly bytes?: number
  readonly sha256?: string
  readonly exitCode?: number
  readonly detail?: string
}

/** Waits until the guest has told how it ended; gives all that it told, and the whole console. */
export async function untilEnded(provider: Provider, id: string): Promise<{ told: readonly Told[]; text: string }> {
  const text = await untilSays(provider, id, /^BELLHOP .*"stage":"(?:applied|failed|finished)".*\r?\n/m)
  const lines = text.split(/\r?\n/).filter((line) => line.startsWith('BELLHOP '))
  return { told: lines.map((line) => JSON.parse(line.slice('BELLHOP '.length)) as Told), text }
}

/** Waits until the console from byte `from` on matches. */
export async function untilSays(provider: Provider, id: string, pattern: RegExp, from = 0): Promise<string> {
  let text = ''
  for (const until = Date.now() + PATIENCE_MS; Date.now() < until; await sleep(100)) {
    text = (await provider.console?.(id, from, call()))?.text ?? ''
    if (pattern.test(text)) return text
  }
  throw new Error(`the guest did not say ${pattern}, but:\n${text}`)
}

/** Waits until something holds. */
export async function untilTrue(holds: () => boolean | Promise<boolean>, what = String(holds)): Promise<void> {
  for (const until = Date.now() + PATIENCE_MS; !(await holds()); await sleep(50))
    assert.ok(Date.now() < until, `not within ${PATIENCE_MS} ms: ${what}`)
}

/** A metadata server for one guest: these paths, and what is POSTed to `/report` is kept. */
export async function serveMetadata(t: TestContext, files: Readonly<Record<string, string | Uint8Array>>) {
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-metadata-'))
  const socketPath = join(folder, "it's, a socket")
  const requests: string[] = []
  const reports: unknown[] = []
  const server = createServer((request, response) => {
    const { method = '', url = '' } = request
    requests.push(`${method} ${url}`)
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      if (method === 'POST') reports.push(JSON.parse(Buffer.concat(chunks).toString('utf8')))
      const body = method === 'POST' ? '' : files[url]
      response.writeHead(body === undefined ? 404 : 200).end(body)
    })
  })
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  t.after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await rm(folder, { recursive: true })
  })
  return { socketPath, requests, reports }
}

/** The argument lists of all processes in which `text` stands. */
export async function processesWith(text: string): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  return lines.filter((line) => line.includes(text)).map((line) => line.replaceAll('\0', ' '))
}

/** A call with time for anything. */
export function call(): Call {
  return { signal: AbortSignal.timeout(PATIENCE_MS), deadline: Date.now() + PATIENCE_MS }
}
