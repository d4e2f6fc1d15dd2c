import { createHmac } from 'node:crypto'
import type { OpenStack } from './content.ts'

/** Whose metadata are asked for. */
export interface Guest {
  readonly serverId: string
  readonly projectId: string
}

/** Asks Nova's metadata service as Neutron's proxy does for a guest. */
export function askMetadata(
  { metadataUrl, metadataSharedSecret }: Pick<OpenStack, 'metadataUrl' | 'metadataSharedSecret'>,
  { serverId, projectId }: Guest,
  path: string,
): Promise<Response> {
  return fetch(`${metadataUrl}/${path}`, {
    headers: {
      'X-Instance-ID': serverId,
      'X-Instance-ID-Signature': createHmac('sha256', metadataSharedSecret).update(serverId).digest('hex'),
      'X-Tenant-ID': projectId,
    },
  })
}
