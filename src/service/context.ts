import type { ContextSource } from '../deliveries/delivery.ts'
import { toHostname, type Context } from '../model/context.ts'
import type { Instance } from '../model/instance.ts'
import type { Store } from '../store/store.ts'
import { mayHave } from './former-data.ts'
import { vendorDataFor } from './vendor-data.ts'

/**
 * What an instance's guest is to be told. Where we deliver, it reads our id as its own; where its cloud does, the cloud's,
 * so that whatever else we tell it beside the cloud is of the same machine.
 */
export function toContext(instance: Instance): Context {
  const { id, remoteId, guestId, spec, plan, facts, network } = instance
  const isTheClouds = plan.deliveries.some(({ by }) => by === 'provider')
  // Of the name it was made with: a later one is no news for a guest.
  const hostname = spec.hostname ?? (facts.name === undefined ? undefined : toHostname(facts.name))
  const vendorData = vendorDataFor(plan, spec.userData)
  return {
    guestId: isTheClouds ? (remoteId ?? id) : (guestId ?? id),
    ...(hostname === undefined ? {} : { hostname }),
    facts,
    ...(spec.userData ? { userData: spec.userData } : {}),
    ...(vendorData ? { vendorData } : {}),
    publicKeys: spec.publicKeys,
    variables: spec.variables,
    files: spec.files,
    ...(network ? { network } : {}),
  }
}

/** The store, as the deliveries see it. */
export function contextSource(store: Pick<Store, 'getInstance' | 'fetchedRevision' | 'listEvents'>): ContextSource {
  return {
    find: async (instanceId) => {
      const instance = await store.getInstance(instanceId)
      if (instance === undefined) return undefined
      const fetchedRevision = await store.fetchedRevision(instanceId)
      const fetched = fetchedRevision === undefined ? {} : { fetchedRevision }
      const { revision, plan } = instance
      const wrapped = plan.wrapped?.sha256 === undefined ? {} : { wrappedSha256: plan.wrapped.sha256 }
      const hasFormer = revision > 1 && !mayHave(instance, await store.listEvents(instanceId))
      return { context: toContext(instance), revision, hasFormer, ...fetched, ...wrapped }
    },
  }
}
