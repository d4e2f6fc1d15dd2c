import { Buffer } from 'node:buffer'
import { request } from 'node:http'
import type { MetadataHandler } from '../../../src/deliveries/metadata.ts'
import type { Answer, Asked } from './parity-differences.ts'

/** Asks one side. */
export type Ask = (asked: Asked, body?: Uint8Array) => Promise<Answer>

/** Nova's metadata service, with the headers that make the guest known. */
export function askNova(metadataUrl: string, identity: Readonly<Record<string, string>>): Ask {
  const { hostname, port } = new URL(metadataUrl)
  return ({ method, path, isKnown }, body) =>
    new Promise((resolve) => {
      const headers = { ...(isKnown ? identity : {}), ...(body ? { 'Content-Length': String(body.length) } : {}) }
      const asking = request({ hostname, port, method, path, headers, agent: false }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            type: response.headers['content-type'] ?? '',
            body: Buffer.concat(chunks).toString('latin1'),
          }),
        )
      })
      asking.on('error', () => resolve({ status: 0, type: '', body: '' }))
      asking.end(body)
    })
}

/** Our handler, for one instance. */
export function askOurs(handler: MetadataHandler, instanceId: string): Ask {
  return async ({ method, path, isKnown }, body) => {
    const caller = isKnown ? instanceId : undefined
    const reply = await handler.handle({ caller, method, path, headers: [], ...(body ? { body } : {}) }, Date.now())
    return {
      status: reply.status,
      type: /^Content-Type: (.*)\r$/m.exec(reply.head)?.[1] ?? '',
      // The carrier leaves it out.
      body: method === 'HEAD' ? '' : Buffer.from(reply.body).toString('latin1'),
    }
  }
}

/** Every path that one side lists, from its roots down to its leaves. */
export async function walk(ask: Ask): Promise<readonly string[]> {
  const found: string[] = []
  const visit = async (path: string, isFolder: boolean): Promise<void> => {
    found.push(path === '' ? '/' : path)
    if (!isFolder) return
    const { body } = await ask({ method: 'GET', path: path === '' ? '/' : path, isKnown: true })
    // Versions are folders, and so is what is listed as `0=name` is at `0`.
    const areVersions = ['', '/ec2', '/openstack'].includes(path)
    for (const line of body.split('\n')) {
      const [name = ''] = /^\d+(?==)/.exec(line) ?? [line.replace(/\/$/, '')]
      if (name !== '') await visit(`${path}/${name}`, areVersions || name !== line)
    }
  }
  for (const root of ['', '/ec2', '/openstack']) await visit(root, true)
  return found
}
