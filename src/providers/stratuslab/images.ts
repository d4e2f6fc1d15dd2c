import { CloudError } from '../../model/errors.ts'
import type { Image } from '../../model/instance.ts'

/** An image that the site offers: StratusLab's front end has no list of them. */
export interface ImageOption {
  /** 27 characters in the Marketplace, or the UUID of a persistent disk. */
  readonly id: string
  /** Default: the id. */
  readonly title?: string
  /** Default: raw. */
  readonly format?: 'raw' | 'qcow2'
  /** The device that the guest sees (default `hda`). */
  readonly target?: 'hda' | 'sda' | 'vda'
}

/** Where images are. */
export interface ImagePlaces {
  readonly marketplaceEndpoint: string
  readonly pdiskEndpoint?: string
}

/** The identifier that the Marketplace gives, a SHA-1 in base64 of its own. */
const MARKETPLACE_ID = /^[A-Za-z0-9_-]{27}$/
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/**
 * Checks the images of the configuration.
 *
 * @throws {CloudError} invalid naming the image that is none, stands there twice, or is nowhere to be had
 */
export function checkImages(images: readonly ImageOption[], places: ImagePlaces): void {
  for (const [index, { id }] of images.entries()) {
    sourceOf(id, places)
    if (images.findIndex((each) => each.id === id) !== index)
      throw new CloudError('invalid', `images: ${id} stands there twice`)
  }
}

/** The images as the rest of Bellhop sees them. */
export function toImages(provider: string, images: readonly ImageOption[]): readonly Image[] {
  return images.map(({ id, title = id }) => ({ name: `${provider}-${id}`, provider, remoteId: id, title }))
}

/**
 * Where the front end gets an image from.
 *
 * @throws {CloudError} invalid for an id that is neither of both kinds, or a disk of no storage
 * @see StratusLab, Marketplace; Persistent Disk Service
 */
export function sourceOf(id: string, { marketplaceEndpoint, pdiskEndpoint }: ImagePlaces): string {
  if (MARKETPLACE_ID.test(id)) return `${marketplaceEndpoint}/metadata/${id}`
  if (!UUID.test(id))
    throw new CloudError(
      'invalid',
      `images: ${id.slice(0, 50)} is neither an identifier of the Marketplace (27 characters) nor the UUID of a persistent disk`,
    )
  if (pdiskEndpoint === undefined)
    throw new CloudError(
      'invalid',
      `images: ${id} is a persistent disk, and nobody says where they are; set pdiskEndpoint`,
    )
  return `pdisk:${pdiskEndpoint}/${id}`
}
