import { Buffer } from 'node:buffer'
import type { InjectedFile } from '../model/context.ts'
import type { Instance } from '../model/instance.ts'
import type { Store } from '../store/store.ts'
import { sleepUnless } from './parts.ts'
import { vendorDataFor, vendorDataTo } from './vendor-data.ts'

/** What answers clouds that ask what their guests are to get beside the cloud's own data. */
export interface CloudVendorDataOptions {
  readonly store: Pick<Store, 'getInstance' | 'listInstances'>
  /** Where the guest of an instance may report; absent: where no guest of a cloud can reach us. */
  readonly reportUrl?: (instanceId: string) => string
  /** Ends all waiting. */
  readonly closing: AbortSignal
}

/** How long an instance that is just being created may keep its cloud waiting, in milliseconds; Nova gives up after 5000. */
const WAIT_MS = 2000
const LOOK_MS = 50

/** How many instances that we waited for in vain are remembered. */
const UNKNOWN_MAX = 1000

/**
 * Tells clouds what we add for a guest, as a cloud-config.
 *
 * A cloud may ask before its answer to our create is in the store. So while any instance of it has no id there yet, an id
 * that we do not know is waited for; but only once, for Nova asks again and again while it makes a config drive.
 */
export function cloudVendorData({ store, reportUrl, closing }: CloudVendorDataOptions) {
  const unknown = new Set<string>()

  async function find(provider: string, remoteId: string): Promise<Instance | undefined> {
    const key = `${provider} ${remoteId}`
    const found = await look(provider, remoteId)
    if (found || unknown.has(key)) return found
    for (const until = Date.now() + WAIT_MS; Date.now() < until; await sleepUnless(LOOK_MS, closing)) {
      // Before the look, which finds an instance that ceases to be one of these.
      const mayCome = await isCreating(provider)
      const late = await look(provider, remoteId)
      if (late || !mayCome || closing.aborted) return late
    }
    if (unknown.size >= UNKNOWN_MAX) unknown.clear()
    unknown.add(key)
    return undefined
  }

  async function look(provider: string, remoteId: string): Promise<Instance | undefined> {
    const [found] = await store.listInstances({ provider, remoteId })
    // Lists have no files.
    return found && (await store.getInstance(found.id))
  }

  async function isCreating(provider: string): Promise<boolean> {
    const creating = await store.listInstances({ provider, states: ['creating'] })
    return creating.some(({ remoteId }) => remoteId === undefined)
  }

  /** @returns `undefined` where the instance is none of ours, or there is nothing to add */
  return async (provider: string, remoteId: string): Promise<string | undefined> => {
    const instance = await find(provider, remoteId)
    return instance && besideCloud(instance, reportUrl?.(instance.id))
  }
}

/**
 * What a guest gets beside what its cloud carried: reporting, the public keys after the first and all files. A user's own
 * cloud-config wins over it, key by key of the outermost level.
 *
 * @returns `undefined` where there is nothing to add
 */
export function besideCloud({ plan, spec }: Instance, reportUrl: string | undefined): string | undefined {
  const keys = spec.publicKeys.slice(1).map(({ text }) => text)
  const isTracked = plan.tracking !== false
  const { userData } = spec
  const reporting =
    reportUrl !== undefined && isTracked
      ? Buffer.from(vendorDataTo(reportUrl, userData))
      : vendorDataFor(plan, userData)
  if (!reporting && keys.length + spec.files.length === 0) return undefined
  return [
    reporting ? Buffer.from(reporting).toString('utf8') : '#cloud-config\n',
    ...(keys.length > 0 ? [`ssh_authorized_keys: ${toYaml(keys)}\n`] : []),
    ...(spec.files.length > 0 ? [`write_files: ${toYaml(spec.files.map(toWriteFile))}\n`] : []),
  ].join('')
}

/** @see https://cloudinit.readthedocs.io/en/latest/reference/modules.html#write-files */
function toWriteFile({ path, bytes, mode, owner, group }: InjectedFile): object {
  const isRoots = (owner ?? 'root') === 'root' && (group ?? 'root') === 'root'
  return {
    path,
    encoding: 'b64',
    content: Buffer.from(bytes).toString('base64'),
    ...(mode === undefined ? {} : { permissions: mode.toString(8).padStart(4, '0') }),
    // Users whom cloud-init makes are there only after its first files.
    ...(isRoots ? {} : { owner: `${owner ?? 'root'}${group === undefined ? '' : `:${group}`}`, defer: true }),
  }
}

/** In one line, which is JSON but for characters beyond ASCII: PyYAML reads no pairs of `\uXXXX`, and refuses some as they are. */
function toYaml(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[^\u0020-\u007e]/gu,
    (character) => `\\U${(character.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`,
  )
}
