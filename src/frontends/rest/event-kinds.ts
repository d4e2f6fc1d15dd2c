import type { EventKind } from '../../model/events.ts'

const KINDS: Readonly<Record<EventKind, true>> = {
  planned: true,
  offered: true,
  access: true,
  fetched: true,
  finished: true,
  applied: true,
  failed: true,
  silent: true,
  state: true,
}

/** All kinds of events, as clients know them. Alone here: a command line need not load the API's description for it. */
export const EVENT_KINDS = Object.keys(KINDS) as EventKind[]
