import type { ContextSource } from '../deliveries/delivery.ts'
import type { MetadataServer } from '../deliveries/metadata-http.ts'
import { openAddressBook, type AddressBook } from './address-book.ts'
import type { Freshness, GuestRecords, Seat } from './guest-records.ts'
import { keepRecords } from './kept-records.ts'

/** A guest, and where it asks from. */
export interface SeatedGuest extends Seat {
  readonly frontEnd: string
  readonly guest: string
}

/** As the server knows it. None of the four has a blank in it. */
function toCaller({ frontEnd, network, address, guest }: SeatedGuest): string {
  return `${frontEnd} ${network} ${address} ${guest}`
}

/** Who a caller of the server's is. */
export function guestOf(caller: string): SeatedGuest {
  const [frontEnd = '', network = '', address = '', guest = ''] = caller.split(' ')
  return { frontEnd, network, address, guest }
}

/** What a source is made of. */
interface RecordSourceOptions {
  /** The front end's, for people and in callers' ids: a word without blanks. */
  readonly name: string
  readonly records: GuestRecords
  readonly networks: readonly string[]
  readonly freshness: Freshness
  /** The server that is fed: what it has rendered is forgotten in time. */
  readonly server: () => Pick<MetadataServer, 'refresh' | 'withdraw'>
  readonly log: (line: string) => void
}

/** A metadata server's source, fed from a front end's records. Callers are guests at one of their addresses. */
interface RecordSource extends ContextSource {
  /** Finds who asks a listener of this network, by address. */
  finder(network: string): AddressBook['find']
  close(): Promise<void>
}

/**
 * Keeps what guests are told no older than the freshness allows. The server renders once and answers by itself; so what it
 * has is taken from it when its record is due, and read again for whoever asks then. Who does not ask costs nothing.
 */
export function createRecordSource(options: RecordSourceOptions): RecordSource {
  const { name, records, networks, freshness, server, log } = options
  const kept = keepRecords(records, freshness, (line) => log(`${name}: ${line}`))
  /** When what the server has of a caller is to be forgotten. */
  const due = new Map<string, number>()

  const books = new Map(
    networks.map((network) => [
      network,
      openAddressBook({
        name: `${name}: network ${network}`,
        read: (call) => records.guestsOf(network, call),
        freshness,
        lost: (address, guest) => {
          const caller = toCaller({ frontEnd: name, network, address, guest })
          due.delete(caller)
          void server().withdraw(caller)
        },
        log,
      }),
    ]),
  )

  function forgetDue(): void {
    const now = performance.now()
    for (const [caller, at] of due) {
      if (at > now) continue
      due.delete(caller)
      server().refresh(caller)
    }
  }

  const sweeping = setInterval(forgetDue, Math.max(10, freshness.recordMs / 20))

  return {
    finder: (network) => {
      const book = books.get(network)
      if (book === undefined) throw new Error(`${name}: network ${network} is not among its networks`)
      return (address) => {
        const found = book.find(address)
        const callerOf = (guest: string | undefined): string | undefined =>
          guest === undefined ? undefined : toCaller({ frontEnd: name, network, address, guest })
        return found instanceof Promise ? found.then(callerOf) : callerOf(found)
      }
    },

    async find(caller) {
      const { network, address, guest } = guestOf(caller)
      const isThere = () => books.get(network)?.has(address, guest) === true
      if (!isThere()) return undefined
      const found = await kept.find(guest)
      // It may have lost the address meanwhile.
      if (found === undefined || !isThere()) return undefined
      const context = found.record.contextAt({ network, address })
      if (context === undefined) return undefined
      due.set(caller, found.dueAt)
      return { context, revision: found.revision }
    },

    close: async () => {
      clearInterval(sweeping)
      kept.close()
      await Promise.all([...books.values()].map((book) => book.close()))
    },
  }
}
