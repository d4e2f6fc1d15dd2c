/** Where a guest leaves the password that it made, encrypted for its owner: once. */
export interface PasswordSlots {
  get(instanceId: string): Promise<Uint8Array | undefined>
  /** @returns false where there is one already */
  set(instanceId: string, password: Uint8Array): Promise<boolean>
  /** The instance is gone. */
  delete(instanceId: string): Promise<void>
}

/** Slots that last as long as the process. */
export function passwordsInMemory(): PasswordSlots {
  const slots = new Map<string, Uint8Array>()
  return {
    get: async (instanceId) => slots.get(instanceId),
    set: async (instanceId, password) => {
      if (slots.has(instanceId)) return false
      slots.set(instanceId, password)
      return true
    },
    delete: async (instanceId) => {
      slots.delete(instanceId)
    },
  }
}
