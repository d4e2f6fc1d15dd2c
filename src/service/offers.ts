import type { MetadataDelivery } from '../deliveries/delivery.ts'
import { writeContextDisk } from '../deliveries/disk.ts'
import { CloudError } from '../model/errors.ts'
import type { DeliveryMethod } from '../model/events.ts'
import type { Instance } from '../model/instance.ts'
import type { PlannedDelivery } from '../model/plan.ts'
import type { DiskOffer, Offer } from '../providers/provider.ts'
import { toContext } from './context.ts'
import { injectedFiles } from './injected-files.ts'

/**
 * Makes everything ready that is planned for a guest, before it boots: the same again after a restart.
 *
 * @throws {CloudError} unavailable when the metadata server is planned but not there; what the disk's file system cannot hold
 */
export async function prepareOffers(
  instance: Instance,
  metadata: MetadataDelivery | undefined,
): Promise<readonly Offer[]> {
  const offers: Offer[] = []
  for (const delivery of instance.plan.deliveries.filter(isOurs)) {
    const offer = await OFFERS[delivery.method](instance, delivery, metadata)
    if (offer) offers.push(offer)
  }
  return offers
}

/** What must be there as long as the guest lives, and ended with the process that offered it: its metadata socket. */
export async function offerAgain({ id, plan }: Instance, metadata: MetadataDelivery | undefined): Promise<void> {
  if (metadata && plan.deliveries.some((each) => isOurs(each) && each.method === 'metadata')) await metadata.offer(id)
}

/** The disk that is planned for a guest, as it would be made now; `undefined` where none of ours is. */
export function diskOf(instance: Instance): DiskOffer | undefined {
  const delivery = instance.plan.deliveries.find((each) => isOurs(each) && each.method === 'disk')
  return delivery && toDisk(instance, delivery)
}

function toDisk(
  instance: Instance,
  { layouts, disk = { format: 'iso', label: 'config-2' } }: PlannedDelivery,
): DiskOffer {
  const image = writeContextDisk(toContext(instance), { layouts, ...disk })
  return { method: 'disk', image, format: disk.format }
}

function isOurs({ by }: PlannedDelivery): boolean {
  return by !== 'provider'
}

type Prepare = (
  instance: Instance,
  delivery: PlannedDelivery,
  metadata: MetadataDelivery | undefined,
) => Promise<Offer | undefined>

const OFFERS: Readonly<Record<DeliveryMethod, Prepare>> = {
  metadata: async ({ id }, _delivery, metadata) => {
    if (!metadata) throw new CloudError('unavailable', 'the metadata server is switched off (metadata.enabled)')
    return { method: 'metadata', ...(await metadata.offer(id)) }
  },
  disk: async (instance, delivery) => toDisk(instance, delivery),
  injection: async (instance, { layouts }) => ({
    method: 'injection',
    files: injectedFiles(toContext(instance), layouts),
  }),
  // The cloud carries it by itself.
  provider: async () => undefined,
}
