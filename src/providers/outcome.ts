import { isCloudError, type CloudError } from '../model/errors.ts'

/** Whether nobody knows if what was asked for was done. */
export function isUnknown({ code }: CloudError): boolean {
  return code === 'unavailable' || code === 'timeout'
}

/** Resolves once something is gone, also where it was before. @throws what else goes wrong */
export async function unlessGone(asked: Promise<unknown>): Promise<void> {
  try {
    await asked
  } catch (error) {
    if (!isCloudError(error, 'not-found')) throw error
  }
}
