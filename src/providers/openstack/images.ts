import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError } from '../../model/errors.ts'
import type { Image } from '../../model/instance.ts'
import type { Call, SaveRequest } from '../provider.ts'
import { unlessGone } from '../outcome.ts'
import { allPages } from './pages.ts'
import type { Session } from './session.ts'
import { pollUntil } from '../polling.ts'

/** Properties of an image that was saved from an instance of ours. */
const OUR_ID = 'bellhop_id'
const OUR_PROJECT = 'bellhop_project'

const GlanceImage = Type.Object({
  id: Type.String({ minLength: 1 }),
  name: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  status: Type.String(),
  os_hidden: Type.Optional(Type.Boolean()),
  [OUR_ID]: Type.Optional(Type.String()),
  [OUR_PROJECT]: Type.Optional(Type.String()),
})

type GlanceImage = Static<typeof GlanceImage>

const one = Compile(GlanceImage)
const many = Compile(
  Type.Object({ images: Type.Array(GlanceImage), next: Type.Optional(Type.Union([Type.String(), Type.Null()])) }),
)

/** The images that the project can use. @see Glance, Image service API v2: List images */
export async function listImages(session: Session, provider: string): Promise<readonly Image[]> {
  const images = await search(session, provider, { status: 'active' })
  return images.filter(({ os_hidden: isHidden = false }) => !isHidden).map((image) => toImage(image, provider))
}

/**
 * Makes an image of a server's disk; the same again gives the same image.
 *
 * @throws {CloudError} conflict while the server's state does not allow it; provider-failed when it cannot be made
 * @see Nova, Compute API: Create image (createImage action)
 */
export async function saveImage(
  session: Session,
  provider: string,
  serverId: string,
  { id, title, project }: SaveRequest,
  call: Call,
): Promise<Image> {
  const [earlier] = await search(session, provider, { [OUR_ID]: id })
  if (!earlier)
    await session.request('compute', {
      method: 'POST',
      path: `/servers/${encodeURIComponent(serverId)}/action`,
      json: { createImage: { name: title.slice(0, 255), metadata: { [OUR_ID]: id, [OUR_PROJECT]: project } } },
    })
  const image = await pollUntil(call, `${provider}: image ${id}`, async () => {
    const [found] = await search(session, provider, { [OUR_ID]: id })
    if (found?.status === 'killed' || found?.status === 'deleted')
      throw new CloudError('provider-failed', `${provider}: the image of ${serverId} could not be made`)
    return found?.status === 'active' ? found : undefined
  })
  return toImage(image, provider)
}

/**
 * Deletes an image that was saved; no error when it is gone.
 *
 * @throws {CloudError} unsupported for one that is for all; conflict while something needs it
 */
export async function deleteImage(session: Session, imageId: string): Promise<void> {
  await unlessGone(deleteSaved(session, imageId))
}

async function deleteSaved(session: Session, imageId: string): Promise<void> {
  const path = `/images/${encodeURIComponent(imageId)}`
  const image = (await session.request('image', { method: 'GET', path })).json()
  if (!one.Check(image) || image[OUR_PROJECT] === undefined)
    throw new CloudError('unsupported', `image ${imageId} was not saved by Bellhop; it cannot be deleted here`)
  await session.request('image', { method: 'DELETE', path })
}

async function search(
  session: Session,
  provider: string,
  filter: Readonly<Record<string, string>>,
): Promise<readonly GlanceImage[]> {
  const what = `${provider}: list images`
  return await allPages(async (marker) => {
    const query = { ...filter, limit: '200', ...(marker === undefined ? {} : { marker }) }
    const json = (await session.request('image', { method: 'GET', path: '/images', query })).json()
    if (!many.Check(json)) throw new CloudError('provider-failed', `${what}: the answer is no list as Glance shows one`)
    return { items: json.images, hasMore: typeof json.next === 'string' }
  }, what)
}

function toImage(image: GlanceImage, provider: string): Image {
  const { id, name } = image
  const project = image[OUR_PROJECT]
  return {
    name: `${provider}-${id}`,
    provider,
    remoteId: id,
    title: name ?? id,
    ...(project === undefined ? {} : { project }),
  }
}
