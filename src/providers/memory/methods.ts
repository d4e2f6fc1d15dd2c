import type { NetworkGroup, Provider, VolumeGroup } from '../provider.ts'

/** Names of the methods of `T` that ask a cloud: those that promise something. */
type AskingMethods<T, Prefix extends string> = {
  [K in keyof T & string]: NonNullable<T[K]> extends (...given: never) => Promise<unknown> ? `${Prefix}${K}` : never
}[keyof T & string]

/** Every method of a provider that can go wrong; those of a group are `volumes.create` and the like. */
export type CallMethod =
  | Exclude<AskingMethods<Provider, ''>, 'close' | undefined>
  | AskingMethods<VolumeGroup, 'volumes.'>
  | AskingMethods<NetworkGroup, 'networks.'>

/** The place of `call` among the arguments of each method. */
export const CALL_METHODS: Readonly<Record<CallMethod, number>> = {
  images: 0,
  sizes: 0,
  create: 1,
  find: 1,
  get: 1,
  list: 0,
  act: 2,
  delete: 1,
  discard: 1,
  saveImage: 2,
  deleteImage: 1,
  updateContext: 2,
  renewDisk: 2,
  console: 2,
  'volumes.create': 1,
  'volumes.find': 1,
  'volumes.get': 1,
  'volumes.act': 2,
  'volumes.delete': 1,
  'volumes.attach': 2,
  'volumes.detach': 2,
  'networks.shared': 0,
  'networks.create': 1,
  'networks.find': 1,
  'networks.get': 1,
  'networks.act': 2,
  'networks.delete': 1,
  'networks.attach': 2,
  'networks.detach': 2,
}

/** Whether a provider has such a method. */
export function isCallMethod(method: string): method is CallMethod {
  return Object.hasOwn(CALL_METHODS, method)
}
