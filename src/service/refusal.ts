import { isCloudError } from '../model/errors.ts'

/** Whether a provider's error says that nothing was made. All else, a bug too, leaves that open. */
export function isRefusal(error: unknown): boolean {
  return isCloudError(error) && error.code !== 'unavailable' && error.code !== 'timeout'
}
