import type { DiskImage } from './images.ts'
import { qemuImg } from './qemu-img.ts'

const GIB = 1024 ** 3

/**
 * Makes a machine's own disk over an image that stays as it is. It is as large as the image, or `diskGiB` if that is more.
 *
 * @returns its size as the guest sees it, in bytes
 * @throws {CloudError} unavailable when qemu-img is not installed, provider-failed when it refuses the image
 */
export async function createOverlay(path: string, base: DiskImage, diskGiB = 0): Promise<number> {
  const info = await qemuImg(['info', '--output=json', '-f', base.format, '--', base.path])
  const imageBytes = (JSON.parse(info) as { 'virtual-size': number })['virtual-size']
  const sizeBytes = Math.max(imageBytes, diskGiB * GIB)
  await qemuImg(['create', '-q', '-f', 'qcow2', '-F', base.format, '-b', base.path, '--', path, `${sizeBytes}`])
  return sizeBytes
}
