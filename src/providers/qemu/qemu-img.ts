import { CloudError } from '../../model/errors.ts'
import { runProgram } from '../../wire/programs.ts'

const QEMU_IMG = { program: 'qemu-img', debianPackage: 'qemu-utils' } as const
const LIMIT_MS = 60_000

/**
 * Runs qemu-img.
 *
 * @returns what it wrote
 * @throws {CloudError} unavailable when it is not installed, provider-failed when it refuses or is not done in time
 */
export async function qemuImg(parameters: readonly string[], limitMs = LIMIT_MS): Promise<string> {
  const { exitCode, stdout, stderr } = await runProgram(QEMU_IMG.program, parameters, { ...QEMU_IMG, limitMs })
  if (exitCode === 0) return stdout
  throw new CloudError('provider-failed', `qemu-img ${parameters[0]}: ${stderr.trim() || `exit code ${exitCode}`}`)
}
