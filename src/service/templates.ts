import { CloudError, reasonOf } from '../model/errors.ts'
import type { Caller, Image, InstanceSpec, Size } from '../model/instance.ts'
import type { Provider } from '../providers/provider.ts'
import { callWithin, type ServiceParts } from './parts.ts'

/** What an instance is started from. */
export interface Templates {
  readonly image: Image
  readonly size: Size
}

const LIST_MS = 10_000

/**
 * The images that a project has, of all providers that answer; one that does not is passed over, with a line in the log.
 */
export async function listImages(parts: ServiceParts, { project }: Pick<Caller, 'project'>): Promise<readonly Image[]> {
  const images = await listTemplates(parts, 'image')
  return images.filter((image) => image.project === undefined || image.project === project)
}

/** The sizes of all providers that answer; one that does not is passed over, with a line in the log. */
export async function listSizes(parts: ServiceParts): Promise<readonly Size[]> {
  return await listTemplates(parts, 'size')
}

async function listTemplates(parts: ServiceParts, kind: 'image'): Promise<readonly Image[]>
async function listTemplates(parts: ServiceParts, kind: 'size'): Promise<readonly Size[]>
async function listTemplates(parts: ServiceParts, kind: 'image' | 'size'): Promise<readonly (Image | Size)[]> {
  const ask = async (provider: Provider): Promise<readonly (Image | Size)[]> => {
    const call = callWithin(LIST_MS, [parts.closing])
    try {
      const found = await (kind === 'image' ? provider.images(call) : provider.sizes(call))
      return await parts.store.nameTemplates(kind, found)
    } catch (error) {
      parts.log.warn({ provider: provider.name, reason: reasonOf(error) }, `the provider does not tell its ${kind}s`)
      return []
    }
  }
  return (await Promise.all([...parts.providers.values()].map(ask))).flat()
}

/**
 * The image and size that a request means: by our name, or by a cloud's own id where only one has it; by default the first.
 * Where one is chosen, the other is of the same provider.
 *
 * @throws {CloudError} invalid when there is no such one, or they are of different providers; unavailable when there are none
 */
export async function chooseTemplates(
  parts: ServiceParts,
  spec: InstanceSpec,
  caller: Pick<Caller, 'project'>,
): Promise<Templates> {
  const [images, sizes] = await Promise.all([listImages(parts, caller), listSizes(parts)])
  const image = spec.image === undefined ? undefined : named(images, spec.image, 'image')
  const size = spec.size === undefined ? undefined : named(sizes, spec.size, 'size')
  if (image && size && image.provider !== size.provider)
    throw new CloudError('invalid', `${image.name} and ${size.name} are of different providers; take both of one`)
  const provider = (image ?? size)?.provider ?? images[0]?.provider
  return { image: image ?? firstOf(images, provider, 'image'), size: size ?? firstOf(sizes, provider, 'size') }
}

/** The one that is called so: by our name, or by a cloud's own id where only one has it. */
export function templateCalled<T extends Image | Size>(all: readonly T[], wanted: string): T | undefined {
  const byId = all.filter(({ remoteId }) => remoteId === wanted)
  return all.find(({ name }) => name === wanted) ?? (byId.length === 1 ? byId[0] : undefined)
}

function named<T extends Image | Size>(all: readonly T[], wanted: string, kind: string): T {
  const called = templateCalled(all, wanted)
  if (called) return called
  const isOfSeveral = all.some(({ remoteId }) => remoteId === wanted)
  const known = all.map(({ name }) => name).slice(0, 10)
  const advice = known.length === 0 ? 'there is none at all' : `there are ${known.join(', ')}`
  throw new CloudError(
    'invalid',
    `${kind}: ${isOfSeveral ? 'several providers have' : 'there is no'} "${wanted.slice(0, 100)}"; ${advice}`,
  )
}

function firstOf<T extends Image | Size>(all: readonly T[], provider: string | undefined, kind: string): T {
  const first = all.find((one) => one.provider === provider)
  if (first) return first
  throw new CloudError(
    'unavailable',
    `no provider offers any ${kind}; for QEMU put one into its imagesDir, or make the demo guest (npm run demo)`,
  )
}
