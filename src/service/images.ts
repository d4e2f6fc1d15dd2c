import { randomUUID } from 'node:crypto'
import { CloudError } from '../model/errors.ts'
import { ownInstance, requireMember } from './access.ts'
import { providerNamed, type ServiceParts } from './parts.ts'
import { callFor } from './rights.ts'
import type { InstanceUseCases } from './service.ts'
import { listImages, templateCalled } from './templates.ts'
import { busyElsewhere, type Turnstile } from './turnstile.ts'

const SAVE_MS = 600_000
const DELETE_MS = 60_000

/** The images that instances start from, and those that are saved from instances. */
export function imageUseCases(
  parts: ServiceParts,
  turnstile: Pick<Turnstile, 'pass'>,
): Pick<InstanceUseCases, 'images' | 'saveImage' | 'deleteImage'> {
  const { store, closing } = parts
  return {
    images: (caller) => listImages(parts, caller),
    async saveImage(id, { title, method }, caller) {
      const { provider: name, remoteId, spec } = await ownInstance(store, id, caller)
      requireMember(caller)
      const provider = providerNamed(parts, name)
      if (!provider.saveImage) throw new CloudError('unsupported', `${name} cannot save an instance as an image`)
      if (remoteId === undefined)
        throw new CloudError('conflict', `instance ${id} is not there yet; nothing can be saved`)
      const request = {
        id: randomUUID(),
        title: title ?? `${spec.name ?? id.slice(0, 8)} saved`,
        project: caller.project,
        ...(method === undefined ? {} : { method }),
      }
      const done = await turnstile.pass(id, async () => {
        const image = await provider.saveImage?.(remoteId, request, callFor(provider, caller, SAVE_MS, [closing]))
        return image && (await store.nameTemplates('image', [image]))
      })
      const [image] = done ?? []
      if (!image) throw busyElsewhere(id)
      return image
    },
    async deleteImage(wanted, caller) {
      const image = templateCalled(await listImages(parts, caller), wanted)
      if (!image) throw new CloudError('not-found', `there is no image "${wanted.slice(0, 100)}"`)
      requireMember(caller)
      if (image.project === undefined)
        throw new CloudError(
          'forbidden',
          `image ${image.name} is for all; only such as were saved from instances can be deleted`,
        )
      const provider = providerNamed(parts, image.provider)
      if (!provider.deleteImage) throw new CloudError('unsupported', `${image.provider} cannot delete images`)
      await provider.deleteImage(image.remoteId, callFor(provider, caller, DELETE_MS, [closing]))
    },
  }
}
