import type { Reply } from './metadata-reply.ts'

/** What may take its time; a promise costs, so what is at hand comes as it is. */
export type MaybeLater<T> = T | Promise<T>

/** Who asks, and for what. */
export interface Asked {
  /** Absent: a cloud vouches for the guest, but its instance is none of ours. */
  readonly caller: string | undefined
  /** The target, without what only told who asks. */
  readonly path: string
  readonly headers: readonly string[]
  /** A proxy of ours handed it on, and told of it in one `X-Forwarded-For`. */
  readonly throughProxy: boolean
  /** Nobody but the guest itself can have sent it: it came by its own link, or over https. */
  readonly isSafe?: boolean
}

/** Finds who asks with one request; a reply says what is wrong with it, `undefined` that it cannot be known. */
export type Identify = (target: string, headers: readonly string[]) => MaybeLater<Asked | Reply | undefined>

/** Makes an {@link Identify} for each connection of a listener. */
export type IdentifyPeer = (peer: { readonly remoteAddress?: string | undefined }) => Identify
