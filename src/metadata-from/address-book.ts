import { setTimeout as sleep } from 'node:timers/promises'
import { toAddress } from '../deliveries/metadata-addresses.ts'
import type { MaybeLater } from '../deliveries/metadata-asked.ts'
import { CloudError, reasonOf } from '../model/errors.ts'
import type { Call } from '../providers/provider.ts'
import type { Freshness } from './guest-records.ts'
import { callFor, endsWithin } from './timed.ts'

/** What a book is made of. */
interface AddressBookOptions {
  /** What it is the book of, for people: `network 3`. */
  readonly name: string
  /** @see GuestRecords.guestsOf */
  readonly read: (call: Call) => Promise<ReadonlyMap<string, string>>
  readonly freshness: Freshness
  /** Told when a guest has lost an address. */
  readonly lost: (address: string, guest: string) => void
  readonly log: (line: string) => void
}

/** Who has which address of one network. Reads for itself, until it is closed. */
export interface AddressBook {
  /**
   * Whoever has the address; one that is not known is looked for, once for all who wait.
   *
   * @throws {CloudError} unavailable where the front end does not say
   */
  find(address: string): MaybeLater<string | undefined>
  /** Whether the guest still has it, as far as we know. */
  has(address: string, guest: string): boolean
  close(): Promise<void>
}

/** Of ten thousand addresses the reading takes a while, in which no guest is answered: a twentieth of all time is left to it. */
const REST_PER_WORK = 20
/** As long as somebody waits for a new address, more. */
const LOOK_PER_WORK = 4

/** Opens a book, and begins to read. */
export function openAddressBook({ name, read, freshness, lost, log }: AddressBookOptions): AddressBook {
  const { pollMs, lookMs, keepMs, patienceMs, callMs } = freshness
  const closed = new AbortController()
  let known: ReadonlyMap<string, string> = new Map()
  /** When the reading of what is known began; the guests of then may have changed since. */
  let readAt = -Infinity
  let triedAt = -Infinity
  let isFailing = false
  let tookMs = 0
  let looking: Promise<void> | undefined
  let underWay: Promise<void> = Promise.resolve()

  async function readAgain(): Promise<void> {
    triedAt = performance.now()
    try {
      const fresh = normalised(await read(callFor(callMs, closed.signal)))
      const old = known
      known = fresh
      readAt = triedAt
      for (const [address, guest] of old) if (fresh.get(address) !== guest) lost(address, guest)
      if (isFailing) log(`${name}: the front end answers again`)
      isFailing = false
    } catch (error) {
      if (!isFailing && !closed.signal.aborted)
        log(`${name}: the front end does not say who has which address: ${reasonOf(error)}`)
      isFailing = true
    }
    tookMs = performance.now() - triedAt
  }

  /** One at a time, and not too often: whoever comes meanwhile waits for the one under way. */
  function look(): Promise<void> {
    looking ??= later().then(async () => {
      if (closed.signal.aborted) return
      const reading = readAgain()
      // Whoever comes from now on may be newer than what is being read.
      looking = undefined
      underWay = reading
      await reading
    })
    return looking
  }

  async function rest(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: closed.signal }).catch(() => {})
  }

  async function later(): Promise<void> {
    await underWay
    await rest(Math.max(0, triedAt + Math.max(lookMs, tookMs * LOOK_PER_WORK) - performance.now()))
  }

  async function poll(): Promise<void> {
    while (!closed.signal.aborted) {
      await look()
      const wait = Math.max(pollMs, isFailing ? 0 : tookMs * REST_PER_WORK)
      await rest(wait)
    }
  }

  const isUsable = () => performance.now() - readAt <= keepMs

  async function findLater(address: string): Promise<string | undefined> {
    const since = performance.now()
    // What is being read may have it already.
    await endsWithin(underWay, patienceMs)
    const found = isUsable() ? known.get(address) : undefined
    if (found !== undefined) return found
    await endsWithin(look(), since + patienceMs - performance.now())
    if (readAt < since) throw new CloudError('unavailable', `${name}: the front end does not say who has this address`)
    return known.get(address)
  }

  const polling = poll()

  return {
    find: (address) => (isUsable() ? known.get(address) : undefined) ?? findLater(address),
    has: (address, guest) => isUsable() && known.get(address) === guest,
    close: async () => {
      closed.abort()
      await polling
    },
  }
}

function normalised(guests: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...guests].map(([address, guest]) => [toAddress(address) ?? address, guest]))
}
