import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { createMetadataServer } from '../../../src/deliveries/metadata-http.ts'
import { USER_DATA_MAX_BYTES } from '../../../src/model/context.ts'
import { qemuProvider } from '../../../src/providers/qemu/index.ts'
import type { Offer, Provider } from '../../../src/providers/provider.ts'
import { contextSource } from '../../../src/service/context.ts'
import { createService } from '../../../src/service/index.ts'
import { createRecorder } from '../../../src/service/recorder.ts'
import type { Service } from '../../../src/service/service.ts'
import { sqliteStore } from '../../../src/store/sqlite.ts'
import { SECRET } from '../../conformance/metadata-samples.ts'
import { testFolder } from '../injection-images.ts'
import { makeDiskGuest } from './disk-guest.ts'

/** What becomes of one thing that the service has made ready, before the machine boots. */
export type Mishap = (offer: Offer, folder: string, t: TestContext) => Promise<readonly Offer[]>

/** Longer than a guest takes on an idle host. A sign that comes later counts as well. */
const SIGN_WITHIN_MS = 30_000

/**
 * The real service over QEMU, whose only image has a disk of its own and the agent. It plans every way at once, waits for
 * signs no longer than it must, and has a machine meet with mishaps. All of it ends with the test.
 */
export async function openQemuService(t: TestContext, mishaps: readonly Mishap[]): Promise<Service> {
  const folder = await testFolder(t)
  const image = { path: await makeDiskGuest(folder, t), id: 'disk-guest' }
  const stateDir = join(folder, 'qemu')
  const qemu = qemuProvider({ stateDir, images: [image], stopGraceMs: 0, injection: 'always' })
  const store = await sqliteStore(':memory:')
  const log = { info: () => {}, warn: () => {}, error: () => {} }
  const recorder = createRecorder({ store, log })
  const metadata = createMetadataServer({
    source: contextSource(store),
    recorder,
    secret: SECRET,
    log: (line) => t.diagnostic(line),
    socketsDir: join(folder, 'sockets'),
  })
  const running = createService({
    store,
    providers: new Map([[qemu.name, withMishaps(impatient(qemu), mishaps, folder, t)]]),
    metadata,
    recorder,
    rules: { servesMetadata: true, userDataMaxBytes: USER_DATA_MAX_BYTES },
    log,
    node: 'test',
    signWithinMs: SIGN_WITHIN_MS,
  })
  await running.start()
  t.after(async () => {
    await running.close()
    await metadata.close()
    await recorder.close()
    await store.close()
  })
  return running.service
}

/** An emulated guest gets no longer than others. */
function impatient(provider: Provider): Provider {
  const { signWithinMs: _, ...capabilities } = provider.capabilities
  return { ...provider, capabilities }
}

function withMishaps(provider: Provider, mishaps: readonly Mishap[], folder: string, t: TestContext): Provider {
  const meet = async (offers: readonly Offer[], mishap: Mishap) =>
    (await Promise.all(offers.map((offer) => mishap(offer, folder, t)))).flat()
  return {
    ...provider,
    create: async ({ offers, ...request }, call) => {
      let left = offers
      for (const mishap of mishaps) left = await meet(left, mishap)
      return await provider.create({ ...request, offers: left }, call)
    },
  }
}
