import { realpath } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { CloudError } from '../../model/errors.ts'
import { runProgram } from '../../wire/programs.ts'

const DEBIAN_PACKAGE = 'netcat-openbsd'
const HELP_MS = 5000

/**
 * The full path of OpenBSD's netcat, the one that can join a connection to a Unix socket and ends with it; other programs
 * are called `nc` too.
 *
 * @throws {CloudError} unavailable when it is not installed
 */
export async function findNetcat(searchPath = process.env['PATH'] ?? ''): Promise<string> {
  for (const folder of searchPath.split(delimiter)) {
    for (const name of ['nc.openbsd', 'nc']) {
      const path = await realpath(join(folder, name)).catch(() => undefined)
      if (path !== undefined && (await isOpenBsd(path))) return path
    }
  }
  const message = `a metadata server for QEMU's guests needs OpenBSD's netcat (Debian: apt-get install ${DEBIAN_PACKAGE})`
  throw new CloudError('unavailable', message)
}

async function isOpenBsd(path: string): Promise<boolean> {
  const help = runProgram(path, ['-h'], { debianPackage: DEBIAN_PACKAGE, limitMs: HELP_MS })
  return help.then(
    ({ stdout, stderr }) => /openbsd/i.test(stdout + stderr),
    () => false,
  )
}
