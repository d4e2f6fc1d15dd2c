import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import type { Instance } from '../../src/model/instance.ts'
import { sampleInstance, sampleSpec } from '../conformance/store-samples.ts'

/**
 * What cloud-init 22.4.2 asks for in one boot of an OpenStack machine that has neither keys, files nor addresses, in its order;
 * each over a connection of its own.
 */
export const BOOT_PATHS: readonly string[] = [
  '/openstack',
  '/openstack',
  ...['meta_data.json', 'user_data', 'vendor_data.json', 'vendor_data2.json', 'network_data.json'].map(
    (file) => `/openstack/2018-08-27/${file}`,
  ),
  ...[
    '',
    'block-device-mapping/',
    'block-device-mapping/ami',
    'block-device-mapping/root',
    'placement/',
    'placement/availability-zone',
    'ami-id',
    'ami-launch-index',
    'ami-manifest-path',
    'hostname',
    'instance-action',
    'instance-id',
    'local-hostname',
    'public-hostname',
    'reservation-id',
  ].map((file) => `/latest/meta-data/${file}`),
]

/** Those of them that are no listings: each is an event. */
export const RECORDED_PATHS: readonly string[] = BOOT_PATHS.filter(
  (path) => path !== '/openstack' && !path.endsWith('/'),
)

/** A machine with user data of its own, for whose guest all of {@link BOOT_PATHS} are there. */
export function bootingInstance(userDataBytes: number): Instance {
  return sampleInstance({
    spec: sampleSpec({ name: 'web 1', userData: randomBytes(userDataBytes) }),
    state: 'active',
    facts: { name: 'web 1', launchIndex: 0, zone: 'nova' },
    network: { nics: [{ id: 'net0', mac: '52:54:00:00:00:01', addresses: [] }] },
  })
}

/** Boots of many guests at once. */
export interface Boots {
  readonly port: number
  /** The addresses by which the server knows them. */
  readonly addresses: readonly string[]
  /** Guests of which each asks for the next thing only after all of them have asked for the one before. */
  readonly atOnce: number
  readonly connections: number
}

/** @returns how long each answer took, in milliseconds; @throws where one is not 200 */
export async function bootAll({ port, addresses, atOnce, connections }: Boots): Promise<readonly number[]> {
  const asked = requestsOf(addresses, atOnce)
  const tookMs: number[] = []
  const one = async (): Promise<void> => {
    for (const [address, path] of asked) {
      const startedAt = performance.now()
      const answer = await ask(
        port,
        `GET ${path} HTTP/1.1\r\nHost: 169.254.169.254\r\nX-Forwarded-For: ${address}\r\nConnection: close\r\n\r\n`,
      )
      tookMs.push(performance.now() - startedAt)
      if (!answer.startsWith('HTTP/1.1 200')) throw new Error(`${path} of ${address}: ${answer.slice(0, 40)}`)
    }
  }
  await Promise.all(Array.from({ length: connections }, one))
  return tookMs
}

function* requestsOf(
  addresses: readonly string[],
  atOnce: number,
): Generator<readonly [address: string, path: string]> {
  for (let from = 0; from < addresses.length; from += atOnce)
    for (const path of BOOT_PATHS) for (const address of addresses.slice(from, from + atOnce)) yield [address, path]
}

/** Sends a request on a connection of its own. @returns all that came until the server closed it */
export function ask(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request))
    let heard = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => (heard += chunk))
    socket.on('error', reject)
    socket.on('end', () => resolve(heard))
  })
}
