/** The properties of `T`, none of which is `undefined` where it is there. */
export type Given<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> }

/** A copy without the properties that are `undefined`: in the model, what is not known is absent. */
export function given<T extends object>(properties: T): Given<T> {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined)) as Given<T>
}
