import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { findProcesses } from '../../../src/providers/qemu/processes.ts'
import type { OpenStackPeer } from './peer.ts'
import { isOfSite, killAll, logPath, openProcesses } from './processes.ts'
import type { Service } from './services.ts'
import { FOLDER, newSite } from './site.ts'

/** Nova's metadata service once more, which {@link askMetadata} can be given. */
export interface MetadataService extends Pick<OpenStackPeer, 'metadataUrl' | 'metadataSharedSecret'> {
  /** Its processes. */
  readonly pids: () => Promise<readonly number[]>
  /** What it has logged. */
  readonly log: () => Promise<string>
  /** Ends it. Needless: it ends with the test. */
  readonly stop: () => Promise<void>
}

/**
 * Starts a second metadata service of the peer's Nova, on a port of its own: the same database, and the same configuration with
 * lines added. It keeps no cache where these have `metadata_cache_expiration = 0` in `[api]`.
 *
 * @param more lines for nova.conf, with the headings of their sections
 * @param tellsLength whether its answers say how long they are, and that they are the last of their connection, other than as
 *   Debian runs it: benchmarks' clients need that
 */
export async function startMetadataService(
  t: Pick<TestContext, 'after' | 'diagnostic'>,
  { metadataUrl, metadataSharedSecret }: Pick<OpenStackPeer, 'metadataUrl' | 'metadataSharedSecret'>,
  more: string,
  tellsLength = false,
): Promise<MetadataService> {
  // In the peer's own folder, so that what a killed test leaves ends with the peer.
  const folder = await mkdtemp(join(FOLDER, 'scratch', 'metadata-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  for (const name of ['log', 'scratch', 'etc/uwsgi']) await mkdir(join(folder, name), { recursive: true })
  await cp(join(FOLDER, 'etc/nova'), join(folder, 'etc/nova'), { recursive: true })
  await writeFile(join(folder, 'etc/nova/nova.conf'), `\n${more}\n`, { flag: 'a' })
  const { ports } = await newSite(folder)
  const program = join(folder, 'etc/uwsgi/metadata.ini')
  const asDebian = await readFile(join(FOLDER, 'etc/uwsgi/metadata.ini'), 'utf8')
  const shared = tellsLength
    ? asDebian.replace('rem-header = Content-Length', 'add-header = Connection: close')
    : asDebian
  await writeFile(
    program,
    shared
      .replace(new URL(metadataUrl).host, `127.0.0.1:${ports.metadata}`)
      .replace(join(FOLDER, 'etc/nova'), join(folder, 'etc/nova')),
  )
  let ending = false
  const processes = openProcesses(folder, (message) => ending || t.diagnostic(message))
  const stop = async (): Promise<void> => {
    ending = true
    // It keeps nothing, and asked politely it takes half a minute.
    await killAll(folder)
    await processes.stop()
  }
  t.after(stop)
  const service: Service = {
    name: 'metadata',
    program: 'uwsgi_python3',
    args: ['--ini', program],
    at: ports.metadata,
    http: true,
  }
  processes.start(service)
  await processes.answers(service)
  return {
    metadataUrl: `http://127.0.0.1:${ports.metadata}`,
    metadataSharedSecret,
    pids: () => findProcesses((parameters) => isOfSite(folder, parameters)),
    log: () => readFile(logPath(folder, service.name), 'utf8'),
    stop,
  }
}
