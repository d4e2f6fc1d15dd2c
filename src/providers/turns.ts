/** Runs what is given under one key one after the other, in the order in which it came; different keys do not wait. */
export type InTurn = <T>(key: string, task: () => Promise<T>) => Promise<T>

export function oneAtATime(): InTurn {
  const last = new Map<string, Promise<unknown>>()
  return async (key, task) => {
    const mine = (last.get(key) ?? Promise.resolve()).then(task, task)
    last.set(key, mine)
    try {
      return await mine
    } finally {
      if (last.get(key) === mine) last.delete(key)
    }
  }
}
