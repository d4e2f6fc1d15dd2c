import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { baseDir } from '../../../src/base-dir.ts'

/** Where the peer lives: one on a machine, since it takes much of its memory. Short, since sockets lie in it. */
export const FOLDER = join(baseDir('state'), 'openstack-peer')

/** OpenStack's only region here. */
export const REGION = 'RegionOne'

const SERVERS = [
  'keystone',
  'glance',
  'placement',
  'neutron',
  'nova',
  'metadata',
  'queue',
  'queueNodes',
  'queueNames',
] as const

/** One peer: its ports on 127.0.0.1, and passwords that no other has. */
export interface Site {
  readonly folder: string
  readonly ports: Readonly<Record<(typeof SERVERS)[number], number>>
  readonly password: string
  readonly queuePassword: string
  readonly metadataSecret: string
  /** The one bearer token that Keystone takes for a login at an identity provider. */
  readonly bearer: string
}

/** A new site in `folder`, with ports that are free now. */
export async function newSite(folder: string): Promise<Site> {
  const ports = await freePorts(SERVERS.length)
  return {
    folder,
    ports: Object.fromEntries(SERVERS.map((name, at) => [name, ports[at]])) as Site['ports'],
    password: secret(),
    queuePassword: secret(),
    metadataSecret: secret(),
    bearer: secret(),
  }
}

/** Where a service of the site answers. */
export function urlOf(
  site: Site,
  service: 'keystone' | 'glance' | 'placement' | 'neutron' | 'nova' | 'metadata',
): string {
  return `http://127.0.0.1:${site.ports[service]}`
}

/** Whether a program can listen on the port of 127.0.0.1 now. */
export async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  server.listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}

// Below the ports that the kernel gives to clients: there, a connection could take one before its service has it.
async function freePorts(count: number): Promise<readonly number[]> {
  const free: number[] = []
  for (let port = 20_000 + (randomBytes(2).readUInt16BE() % 10_000); free.length < count; port++)
    if (await isFree(port)) free.push(port)
  return free
}

// Hexadecimal: it means nothing special to any of the configuration formats.
function secret(): string {
  return randomBytes(16).toString('hex')
}
