import { randomBytes } from 'node:crypto'
import type { READS, Run, WRITES } from './queries.ts'
import type { ResourceChange, ResourceFilter, Resources, Store } from './store.ts'

/** How one database runs our queries. */
export interface Access {
  readonly read: Run<keyof typeof READS>
  /** Each in a transaction of its own, as far as its caller can see. */
  readonly write: Run<keyof typeof WRITES>
  readonly close: () => Promise<void>
}

const SECRET_BYTES = 32

/** The store over any database that kysely speaks to. */
export function kyselyStore({ read, write, close }: Access): Store {
  return {
    insertInstance: async (instance, events, options = {}) =>
      (await write('insertInstance', instance, events, options)) ?? instance,
    updateInstance: (id, change, events = [], unless) => write('updateInstance', id, change, events, unless),
    deleteInstance: (id, events = [], neverWas = false) => write('deleteInstance', id, events, neverWas),
    getInstance: (id) => read('getInstance', id),
    listInstances: (filter) => read('listInstances', filter),
    appendEvents: async (events) => {
      if (events.length > 0) await write('appendEvents', events)
    },
    listEvents: (instanceId, range = {}) => read('listEvents', instanceId, range),
    listProjectEvents: (project) => read('listProjectEvents', project),
    fetchedRevision: (instanceId) => read('fetchedRevision', instanceId),
    insertResource: (kind, resource) => write('insertResource', kind, resource),
    // A query that is asked by its name cannot promise the kind that it was asked for; its own signature does.
    updateResource: <K extends keyof Resources>(kind: K, id: string, change: ResourceChange<Resources[K]>) =>
      write('updateResource', kind, id, change) as Promise<Resources[K]>,
    deleteResource: (kind, id) => write('deleteResource', kind, id),
    getResource: <K extends keyof Resources>(kind: K, id: string) =>
      read('getResource', kind, id) as Promise<Resources[K] | undefined>,
    listResources: <K extends keyof Resources>(kind: K, filter: ResourceFilter) =>
      read('listResources', kind, filter) as Promise<readonly Resources[K][]>,
    listProjectLabels: (project) => read('listProjectLabels', project),
    addProjectLabel: (project, key, value) => write('addProjectLabel', project, key, value),
    deleteProjectLabel: (project, key) => write('deleteProjectLabel', project, key),
    insertDocument: (document, max) => write('insertDocument', document, max),
    updateDocument: (id, change) => write('updateDocument', id, change),
    deleteDocument: (id) => write('deleteDocument', id),
    getDocument: (id) => read('getDocument', id),
    listDocuments: (filter) => read('listDocuments', filter),
    pruneEvents: (beforeMs) => write('pruneEvents', beforeMs),
    lease: (instanceId, holder, untilMs) =>
      write('takeLease', 'instances', instanceId, { holder, untilMs, nowMs: Date.now() }),
    release: (instanceId, holder) => write('dropLeases', 'instances', holder, instanceId),
    nameTemplates: async (kind, found) => {
      const templates = found.map(({ provider, remoteId, title }) => ({ provider, remoteId, title }))
      const known = await read('knownNames', kind, templates)
      const names = known.every((name) => name !== undefined) ? known : await write('giveNames', kind, templates)
      return found.map((template, index) => ({ ...template, name: names[index] ?? template.name }))
    },
    secret: async (name) =>
      (await read('findSecret', name)) ?? (await write('keepSecret', name, randomBytes(SECRET_BYTES))),
    guestPassword: (instanceId) => read('findGuestPassword', instanceId),
    keepGuestPassword: (instanceId, bytes) => write('keepGuestPassword', instanceId, bytes),
    insertWebhook: (webhook, max) => write('insertWebhook', webhook, max),
    listWebhooks: (project) => read('listWebhooks', project),
    leaseWebhook: (id, holder, untilMs) => write('leaseWebhook', id, { holder, untilMs, nowMs: Date.now() }),
    releaseWebhooks: (holder) => write('dropLeases', 'webhooks', holder),
    updateWebhook: (id, holder, progress) => write('updateWebhook', id, holder, progress),
    deleteWebhook: (id) => write('deleteWebhook', id),
    newestEvent: () => read('newestEvent'),
    listEventsToTell: (range) => read('listEventsToTell', range),
    close,
  }
}
