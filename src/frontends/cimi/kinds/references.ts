import { CloudError, isCloudError } from '../../../model/errors.ts'
import { isList, isProperties, type Resource, type Value } from '../document.ts'
import type { Exchange } from '../exchange.ts'
import { idIn, toResource, withAttributes } from '../resource.ts'
import type { AttributeName, TypeName } from '../types.ts'

/** The collections in which what templates refer to lies, by the type of the reference. */
const PATHS: Readonly<Partial<Record<TypeName, string>>> = {
  Credential: 'credentials',
  MachineConfiguration: 'machine_configurations',
  MachineImage: 'machine_images',
  MachineTemplateVolume: 'volumes',
  MachineTemplateVolumeTemplate: 'volume_templates',
  Network: 'networks',
  VolumeConfiguration: 'volume_configurations',
}

const NOT_KEPT: ReadonlySet<AttributeName> = new Set(['id', 'created', 'updated', 'operations', 'password'])

/**
 * A resource as it is kept: what it refers to by id, so that it can be shown under any mount, without what only answers say,
 * and without passwords.
 */
export function withIds(resource: Resource): Resource {
  return changedWithin(resource, (part) => {
    const said = Object.fromEntries([...part.attributes].filter(([name]) => !NOT_KEPT.has(name)))
    const id = PATHS[part.type] === undefined ? undefined : idIn(part)
    return toResource(part.type, id === undefined ? said : { ...said, href: id })
  })
}

/** A resource that is kept, with the URLs of what it refers to. */
export function withUrls(resource: Resource, { url }: Pick<Exchange, 'url'>): Resource {
  return changedWithin(resource, (part) => {
    const path = PATHS[part.type]
    const id = idIn(part)
    return path === undefined || id === undefined ? part : withAttributes(part, { href: url(path, id) })
  })
}

/**
 * Does what a request wants. What it refers to and is not there makes the request wrong: its own URL leads somewhere.
 *
 * @throws {CloudError} invalid in place of not-found, and what the task throws
 */
export async function referring<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task()
  } catch (error) {
    if (isCloudError(error, 'not-found')) throw new CloudError('invalid', error.message, { cause: error })
    throw error
  }
}

function changedWithin(resource: Resource, change: (part: Resource) => Resource): Resource {
  const changed = (part: Resource): Resource => change(changedWithin(part, change))
  const within = (value: Value): Value => {
    if (typeof value !== 'object' || isProperties(value)) return value
    return isList(value) ? value.map(changed) : changed(value)
  }
  const attributes = [...resource.attributes].map(([name, value]) => [name, within(value)] as const)
  return toResource(resource.type, Object.fromEntries(attributes))
}
