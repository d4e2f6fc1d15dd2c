import { execFile } from 'node:child_process'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { needQemu } from '../demo-guest.ts'
import { need, needRoot } from '../need.ts'

const BUILD = fileURLToPath(new URL('./build.sh', import.meta.url))

/** Whether all is there that building and booting the Debian guest needs; else the test is skipped, or fails in CI. */
export function needDebianGuest(t: Pick<TestContext, 'skip'>): boolean {
  return needRoot(t) && needQemu(t) && need(t, 'mmdebstrap', 'mmdebstrap') && need(t, 'mke2fs', 'e2fsprogs')
}

/** The folder with the Debian guest, an image for the QEMU provider; the first call builds it, in a minute or two. */
export async function debianGuest(): Promise<string> {
  const { stdout } = await promisify(execFile)(BUILD)
  return stdout.trim()
}
