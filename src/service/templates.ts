import { CloudError, reasonOf } from '../model/errors.ts'
import type { Caller, Image, InstanceSpec, Size } from '../model/instance.ts'
import type { Provider } from '../providers/provider.ts'
import type { ServiceParts } from './parts.ts'
import { callFor, canAsk } from './rights.ts'

/** What an instance is started from. */
export interface Templates {
  readonly image: Image
  readonly size: Size
}

const LIST_MS = 10_000

/**
 * The images that a caller's project has, of all providers that he can ask and that answer; one that does not is passed
 * over, with a line in the log.
 *
 * @param silent gets the names of those that do not answer
 */
export async function listImages(parts: ServiceParts, caller: Caller, silent?: Set<string>): Promise<readonly Image[]> {
  const images = await listTemplates(parts, 'image', caller, silent)
  return images.filter((image) => image.project === undefined || image.project === caller.project)
}

/** As {@link listImages}, of the sizes. */
export async function listSizes(parts: ServiceParts, caller: Caller, silent?: Set<string>): Promise<readonly Size[]> {
  return await listTemplates(parts, 'size', caller, silent)
}

type Silent = Set<string> | undefined

async function listTemplates(parts: ServiceParts, kind: 'image', caller: Caller, to: Silent): Promise<readonly Image[]>
async function listTemplates(parts: ServiceParts, kind: 'size', caller: Caller, to: Silent): Promise<readonly Size[]>
async function listTemplates(
  parts: ServiceParts,
  kind: 'image' | 'size',
  caller: Caller,
  silent: Silent,
): Promise<readonly (Image | Size)[]> {
  const ask = async (provider: Provider): Promise<readonly (Image | Size)[]> => {
    try {
      const call = callFor(provider, caller, LIST_MS, [parts.closing])
      const found = await (kind === 'image' ? provider.images(call) : provider.sizes(call))
      return await parts.store.nameTemplates(kind, found)
    } catch (error) {
      parts.log.warn({ provider: provider.name, reason: reasonOf(error) }, `the provider does not tell its ${kind}s`)
      silent?.add(provider.name)
      return []
    }
  }
  const asked = [...parts.providers.values()].filter((provider) => canAsk(provider, caller))
  return (await Promise.all(asked.map(ask))).flat()
}

/**
 * The image and size that a request means: by our name, or by a cloud's own id where only one has it; by default the first.
 * Where one is chosen, the other is of the same provider.
 *
 * @throws {CloudError} invalid when there is no such one, or they are of different providers; unavailable when there are
 *   none, or a provider that may have it does not answer
 */
export async function chooseTemplates(parts: ServiceParts, spec: InstanceSpec, caller: Caller): Promise<Templates> {
  const silent = new Set<string>()
  const [images, sizes] = await Promise.all([listImages(parts, caller, silent), listSizes(parts, caller, silent)])
  const image = spec.image === undefined ? undefined : named(images, spec.image, 'image', silent)
  const size = spec.size === undefined ? undefined : named(sizes, spec.size, 'size', silent)
  if (image && size && image.provider !== size.provider)
    throw new CloudError('invalid', `${image.name} and ${size.name} are of different providers; take both of one`)
  const provider = (image ?? size)?.provider ?? images[0]?.provider
  return {
    image: image ?? firstOf(images, provider, 'image', silent),
    size: size ?? firstOf(sizes, provider, 'size', silent),
  }
}

/** The one that is called so: by our name, or by a cloud's own id where only one has it. */
export function templateCalled<T extends Image | Size>(all: readonly T[], wanted: string): T | undefined {
  const byId = all.filter(({ remoteId }) => remoteId === wanted)
  return all.find(({ name }) => name === wanted) ?? (byId.length === 1 ? byId[0] : undefined)
}

function named<T extends Image | Size>(
  all: readonly T[],
  wanted: string,
  kind: string,
  silent: ReadonlySet<string>,
): T {
  const called = templateCalled(all, wanted)
  if (called) return called
  const isOfSeveral = all.some(({ remoteId }) => remoteId === wanted)
  if (!isOfSeveral && silent.size > 0) throw unanswered(`${kind} "${wanted.slice(0, 100)}"`, silent)
  const known = all.map(({ name }) => name).slice(0, 10)
  const advice = known.length === 0 ? 'there is none at all' : `there are ${known.join(', ')}`
  throw new CloudError(
    'invalid',
    `${kind}: ${isOfSeveral ? 'several providers have' : 'there is no'} "${wanted.slice(0, 100)}"; ${advice}`,
  )
}

function firstOf<T extends Image | Size>(
  all: readonly T[],
  provider: string | undefined,
  kind: string,
  silent: ReadonlySet<string>,
): T {
  const first = all.find((one) => one.provider === provider)
  if (first) return first
  if (silent.size > 0) throw unanswered(`an ${kind === 'image' ? 'image' : 'instance size'}`, silent)
  throw new CloudError(
    'unavailable',
    `no provider offers any ${kind}; for QEMU put one into its imagesDir, or make the demo guest (npm run demo)`,
  )
}

/** Whether it is at a provider that does not answer, nobody can tell. */
export function unanswered(what: string, silent: ReadonlySet<string>): CloudError {
  const who = [...silent].toSorted().join(', ')
  return new CloudError(
    'unavailable',
    `${what} is at no provider that answers, and ${who} does not answer now; try again in a moment`,
  )
}
