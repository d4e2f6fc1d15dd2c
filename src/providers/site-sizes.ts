import type { Size } from '../model/instance.ts'

/** A size that the site offers, where the cloud itself knows none; `id` becomes part of its name. */
export interface SizeOption {
  readonly id: string
  readonly cores: number
  readonly memoryMiB: number
}

/** A size of the site's as the rest of Bellhop sees it. */
export function toSize(provider: string, { id, cores, memoryMiB }: SizeOption): Size {
  return { name: `${provider}-${id}`, provider, remoteId: id, title: id, cores, memoryMiB }
}
