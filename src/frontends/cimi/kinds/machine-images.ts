import { CloudError } from '../../../model/errors.ts'
import type { Caller, Image } from '../../../model/instance.ts'
import type { Service } from '../../../service/service.ts'
import type { Resource } from '../document.ts'
import type { Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { idIn, lastSegment, operationsOf, textOf, toResource } from '../resource.ts'
import { referring } from './references.ts'

const PATH = 'machine_images'

/** Our images. To make one is to capture a machine, where its provider can. */
export function machineImages(service: Service): Kind {
  async function named(id: string, caller: Caller): Promise<Image> {
    const image = (await service.images(caller)).find(({ name }) => name === id)
    if (image) return image
    throw new CloudError('not-found', `there is no machine image ${id.slice(0, 100)}`)
  }

  return {
    path: PATH,
    type: 'MachineImage',
    collection: 'MachineImageCollection',
    link: 'machineImages',
    list: async (exchange) => (await service.images(exchange.caller)).map((image) => fromImage(image, exchange)),
    get: async (id, exchange) => fromImage(await named(id, exchange.caller), exchange),
    isFixed: service.abilities().every(({ savesImages }) => !savesImages),
    create: async (exchange) => {
      const wanted = exchange.read('MachineImageCreate', 'MachineImage')
      const source = textOf(wanted, 'imageLocation')
      const machineId = source === undefined ? undefined : lastSegment(source)
      if (machineId === undefined)
        throw new CloudError('invalid', 'imageLocation: the URL of the machine to capture is expected')
      const type = textOf(wanted, 'type')
      if (type !== undefined && type.toUpperCase() !== 'IMAGE')
        throw new CloudError('unsupported', `type: only an IMAGE can be made of a machine, no ${type.slice(0, 50)}`)
      const title = textOf(wanted, 'name')
      const request = title === undefined ? {} : { title }
      const image = await referring(() => service.saveImage(machineId, request, exchange.caller))
      return { resource: fromImage(image, exchange) }
    },
    delete: (id, { caller }) => service.deleteImage(id, caller),
  }
}

/** The image that a reference means, by our name or the cloud's. @throws {CloudError} invalid when it says nothing */
export function toImage(part: Resource): string {
  const id = idIn(part) ?? locationIn(part)
  if (id !== undefined) return id
  throw new CloudError('invalid', 'machineImage: its href is missing')
}

function locationIn(part: Resource): string | undefined {
  const location = textOf(part, 'imageLocation')
  return location === undefined ? undefined : lastSegment(location)
}

function fromImage({ name, title, provider, project }: Image, { url }: Pick<Exchange, 'url'>): Resource {
  const id = url(PATH, name)
  const isSaved = project !== undefined
  const label = title === '' ? undefined : title
  return toResource('MachineImage', {
    id,
    // Who saves one chooses its name.
    name: (isSaved ? label : undefined) ?? name,
    description: (isSaved ? undefined : label) ?? `an image of ${provider}`,
    state: 'AVAILABLE',
    type: 'IMAGE',
    imageLocation: id,
    // One that is for all is nobody's to delete.
    operations: isSaved ? operationsOf(['delete', id]) : [],
  })
}
