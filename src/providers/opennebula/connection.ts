import { CloudError, reasonOf } from '../../model/errors.ts'
import { createHttpClient, type HttpClient } from '../../wire/http.ts'

// A list of some ten thousand VMs.
const ANSWER_MAX_BYTES = 64 * 1024 * 1024

/**
 * A client for one OpenNebula.
 *
 * @param caFile certificates (PEM) to trust in place of those that Node.js brings
 * @throws {CloudError} invalid naming a file of certificates that cannot be read
 */
export async function connectOne(
  name: string,
  caFile: string | undefined,
  readFile: (path: string) => Promise<string>,
): Promise<HttpClient> {
  if (caFile === undefined) return createHttpClient({ maxBytes: ANSWER_MAX_BYTES })
  try {
    return createHttpClient({ maxBytes: ANSWER_MAX_BYTES, tls: { ca: await readFile(caFile) } })
  } catch (cause) {
    throw new CloudError('invalid', `provider ${name}: caFile: cannot read ${caFile}: ${reasonOf(cause)}`, { cause })
  }
}
