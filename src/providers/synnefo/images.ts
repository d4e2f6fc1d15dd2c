import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError } from '../../model/errors.ts'
import type { Image } from '../../model/instance.ts'
import type { Session } from './session.ts'

const CycladesImage = Type.Object({
  id: Type.String({ minLength: 1 }),
  name: Type.String(),
  status: Type.String(),
  metadata: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
})

type CycladesImage = Static<typeof CycladesImage>

const one = Compile(Type.Object({ image: CycladesImage }))
const many = Compile(Type.Object({ images: Type.Array(CycladesImage) }))

/** The words that mean yes in an image's properties. @see snf-image, common.sh */
const YES: ReadonlySet<unknown> = new Set(['yes', 'true', 'on', '1', 'set'])

/** The images that the account can use. @see Synnefo, Compute API: List images */
export async function listImages(session: Session, provider: string): Promise<readonly Image[]> {
  const json = (await session.request('compute', { method: 'GET', path: '/images/detail' })).json()
  if (!many.Check(json)) throw strange(provider, 'list of images')
  return json.images
    .filter(({ status }) => status === 'ACTIVE')
    .map(({ id, name }) => ({ name: `${provider}-${id}`, provider, remoteId: id, title: name || id }))
}

/**
 * Whether an image says that its machines run cloud-init: to these alone a site gives user data.
 *
 * @throws {CloudError} not-found
 */
export async function readsUserData(session: Session, provider: string, imageId: string): Promise<boolean> {
  const path = `/images/${encodeURIComponent(imageId)}`
  const json = (await session.request('compute', { method: 'GET', path })).json()
  if (!one.Check(json)) throw strange(provider, 'image')
  return Object.entries(json.image.metadata ?? {}).some(
    ([key, value]) => key.toUpperCase() === 'CLOUD_INIT' && YES.has(String(value).toLowerCase()),
  )
}

function strange(provider: string, what: string): CloudError {
  return new CloudError('provider-failed', `${provider}: the answer is no ${what} as Cyclades shows one`)
}
