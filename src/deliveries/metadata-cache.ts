/** Keeps what was used last, under a memory bound. */
export interface BoundedCache<T> {
  /** Counts as a use. */
  get(key: string): T | undefined
  /** `bytes`: what the value costs, as an estimate. One that is larger than the bound is not kept. */
  set(key: string, value: T, bytes: number): void
  /** The value of `key` became larger. */
  grow(key: string, bytes: number): void
  delete(key: string): void
}

interface Node<T> {
  readonly key: string
  value: T
  bytes: number
  /** Towards the one used last. */
  newer: Node<T> | undefined
  older: Node<T> | undefined
}

/**
 * Drops what was not used for longest when all together cost more than `maxBytes`.
 *
 * A list of our own: to drop the first key of a `Map` again and again takes ever longer, for the gaps stay until it grows.
 */
export function createBoundedCache<T>(maxBytes: number): BoundedCache<T> {
  const nodes = new Map<string, Node<T>>()
  let newest: Node<T> | undefined
  let oldest: Node<T> | undefined
  let total = 0

  function unlink(node: Node<T>): void {
    if (node.newer) node.newer.older = node.older
    else newest = node.older
    if (node.older) node.older.newer = node.newer
    else oldest = node.newer
  }

  function linkNewest(node: Node<T>): void {
    node.newer = undefined
    node.older = newest
    if (newest) newest.newer = node
    else oldest = node
    newest = node
  }

  function drop(node: Node<T>): void {
    unlink(node)
    nodes.delete(node.key)
    total -= node.bytes
  }

  function shrink(): void {
    for (let node = oldest; node && total > maxBytes; node = oldest) drop(node)
  }

  return {
    get(key) {
      const node = nodes.get(key)
      if (node !== undefined && node !== newest) {
        unlink(node)
        linkNewest(node)
      }
      return node?.value
    },

    set(key, value, bytes) {
      const known = nodes.get(key)
      if (known) drop(known)
      const node: Node<T> = { key, value, bytes, newer: undefined, older: undefined }
      nodes.set(key, node)
      linkNewest(node)
      total += bytes
      shrink()
    },

    grow(key, bytes) {
      const node = nodes.get(key)
      if (node === undefined) return
      node.bytes += bytes
      total += bytes
      shrink()
    },

    delete(key) {
      const node = nodes.get(key)
      if (node) drop(node)
    },
  }
}
