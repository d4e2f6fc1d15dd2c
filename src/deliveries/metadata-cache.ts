/** Keeps what is used, under a memory bound. */
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
  readonly value: T
  bytes: number
  /** Since it was last at the end of the queue. */
  used: boolean
  next: Node<T> | undefined
  previous: Node<T> | undefined
}

/**
 * When all together cost more than `maxBytes`, the first of the queue goes; but one that was used meanwhile goes to its end
 * instead ("second chance"). So a use costs no more than a flag, for there are very many, all over the memory.
 *
 * The queue is a list of our own: a `Map` takes ever longer to tell its first key when the first keys go again and again.
 */
export function createBoundedCache<T>(maxBytes: number): BoundedCache<T> {
  const nodes = new Map<string, Node<T>>()
  let first: Node<T> | undefined
  let last: Node<T> | undefined
  let total = 0

  function enqueue(node: Node<T>): void {
    node.previous = last
    node.next = undefined
    if (last) last.next = node
    else first = node
    last = node
  }

  function dequeue({ previous, next }: Node<T>): void {
    if (previous) previous.next = next
    else first = next
    if (next) next.previous = previous
    else last = previous
  }

  function drop(node: Node<T>): void {
    dequeue(node)
    nodes.delete(node.key)
    total -= node.bytes
  }

  function shrink(): void {
    for (let node = first; node && total > maxBytes; node = first) {
      if (!node.used) {
        drop(node)
        continue
      }
      dequeue(node)
      node.used = false
      enqueue(node)
    }
  }

  return {
    get(key) {
      const node = nodes.get(key)
      if (node === undefined) return undefined
      node.used = true
      return node.value
    },

    set(key, value, bytes) {
      const known = nodes.get(key)
      if (known) drop(known)
      if (bytes > maxBytes) return
      const node: Node<T> = { key, value, bytes, used: false, next: undefined, previous: undefined }
      nodes.set(key, node)
      enqueue(node)
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
