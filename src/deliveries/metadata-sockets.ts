import { Buffer } from 'node:buffer'
import { chmod, mkdir, rm, unlink } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { CloudError } from '../model/errors.ts'

/** The kernel's limit for a Unix socket's path, without the NUL at its end. @see unix(7), sun_path */
const PATH_MAX_BYTES = 107

/** One Unix socket for each instance that is offered. */
export interface Sockets {
  /** @throws {CloudError} invalid when the path would be too long, conflict when another process serves this instance */
  offer(instanceId: string): Promise<{ readonly socketPath: string }>
  withdraw(instanceId: string): Promise<void>
}

/** @param listen opens a server at a path that is free; it removes the file when it closes */
export function createSockets(
  folder: string | undefined,
  listen: (path: string, instanceId: string) => Promise<{ close(): Promise<void> }>,
): Sockets {
  const offered = new Map<string, Promise<{ readonly socketPath: string; close(): Promise<void> }>>()

  async function open(instanceId: string): Promise<{ readonly socketPath: string; close(): Promise<void> }> {
    const socketPath = pathOf(folder, instanceId)
    await makeFolder(folder ?? '')
    await removeStale(socketPath)
    const listener = await listen(socketPath, instanceId)
    return { socketPath, close: () => listener.close() }
  }

  return {
    async offer(instanceId) {
      const offer = offered.get(instanceId) ?? open(instanceId)
      offered.set(instanceId, offer)
      try {
        const { socketPath } = await offer
        return { socketPath }
      } catch (error) {
        if (offered.get(instanceId) === offer) offered.delete(instanceId)
        throw error
      }
    },

    async withdraw(instanceId) {
      const offer = offered.get(instanceId)
      offered.delete(instanceId)
      await (await offer?.catch(() => undefined))?.close()
      // Of a process that was killed, and that offered it.
      if (folder !== undefined) await rm(join(folder, fileName(instanceId)), { force: true })
    },
  }
}

function pathOf(folder: string | undefined, instanceId: string): string {
  if (folder === undefined) throw new CloudError('unsupported', 'this metadata server has no folder for sockets')
  const path = join(folder, fileName(instanceId))
  const size = Buffer.byteLength(path)
  if (size > PATH_MAX_BYTES)
    throw new CloudError(
      'invalid',
      `the socket ${path} would have a path of ${size} bytes; the kernel takes ${PATH_MAX_BYTES}: set a shorter state folder`,
    )
  return path
}

function fileName(instanceId: string): string {
  if (!/^[\w-]+$/.test(instanceId)) throw new CloudError('invalid', `"${instanceId}" cannot be a file's name`)
  return `${instanceId}.sock`
}

async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  // Whoever can reach a socket is that instance.
  await chmod(folder, 0o700)
}

/** A process that was killed leaves its sockets behind. */
async function removeStale(path: string): Promise<void> {
  const refused = await new Promise<string | undefined>((resolve) => {
    const socket = createConnection(path)
    socket.on('connect', () => resolve(socket.destroy() && undefined))
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
  })
  if (refused === 'ENOENT') return
  if (refused !== 'ECONNREFUSED')
    throw new CloudError('conflict', `another process serves ${path}: stop it first (${refused ?? 'it answers'})`)
  await unlink(path)
}
