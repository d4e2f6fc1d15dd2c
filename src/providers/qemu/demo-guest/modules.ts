import { Buffer } from 'node:buffer'
import { CloudError } from '../../../model/errors.ts'

/** Finds the bytes of a kernel module by its name (`virtio_net`), or `undefined` where the kernel has it built in. */
export type ModuleFinder = (name: string) => Uint8Array | undefined

/** A kernel module, ready to be loaded after all that stand before it. */
export interface KernelModule {
  readonly name: string
  readonly bytes: Uint8Array
}

/**
 * The modules wanted and all that they need, each after what it needs. A wanted module that is missing is taken as built
 * into the kernel; Debian makes `modules.dep` only when a kernel is installed, so the modules themselves are asked.
 *
 * @param loaded what is loaded before, and so left out
 * @throws {CloudError} invalid when a module that another needs is missing
 */
export function inLoadingOrder(
  wanted: readonly string[],
  find: ModuleFinder,
  loaded: readonly KernelModule[] = [],
): readonly KernelModule[] {
  const before = new Set(loaded.map(({ name }) => name))
  const order = new Map<string, KernelModule>()
  const visit = (name: string, neededBy?: string): void => {
    if (order.has(name) || before.has(name)) return
    const bytes = find(name)
    if (!bytes && neededBy === undefined) return
    if (!bytes) throw new CloudError('invalid', `kernel module ${name}, which ${neededBy} needs, is not in the package`)
    for (const dependency of dependenciesOf(bytes)) visit(dependency, name)
    order.set(name, { name, bytes })
  }
  for (const name of wanted) visit(name)
  return [...order.values()]
}

/** The names in a module's `.modinfo` section: NUL-ended `key=value` texts, among them `depends=a,b`. */
function dependenciesOf(module: Uint8Array): readonly string[] {
  const text = Buffer.from(module.buffer, module.byteOffset, module.byteLength).toString('latin1')
  const list = /\0depends=([^\0]*)\0/.exec(text)?.[1] ?? ''
  return list === '' ? [] : list.split(',').map(moduleName)
}

/** A module's one name: files may be called `virtio-rng.ko` for what the kernel lists as `virtio_rng`. */
export function moduleName(text: string): string {
  return text.replace(/\.ko$/, '').replaceAll('-', '_')
}
