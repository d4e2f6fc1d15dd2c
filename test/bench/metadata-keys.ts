/** How much user data each instance has. */
export const USER_DATA_BYTES = 1024

/** The address of the instance with this number, from 0. `metadata.lua` counts the same. */
export function addressOf(number: number): string {
  return `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`
}
