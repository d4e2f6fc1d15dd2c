import { CloudError, reasonOf } from '../../model/errors.ts'
import { createHttpClient, type HttpClient, type TlsSettings } from '../../wire/http.ts'
import type { Surroundings } from './clouds-files.ts'
import type { CloudSettings } from './clouds-settings.ts'

/**
 * A client for one cloud, with its certificates and its limit of time.
 *
 * @throws {CloudError} invalid naming a file of certificates that cannot be read
 */
export async function connectCloud(settings: CloudSettings, readFile: Surroundings['readFile']): Promise<HttpClient> {
  const { isVerified, caPath, certPath, keyPath } = settings.tls
  const read = async (field: keyof TlsSettings, path: string | undefined) => {
    if (path === undefined) return {}
    try {
      return { [field]: await readFile(path) }
    } catch (cause) {
      throw new CloudError('invalid', `cloud "${settings.name}": ${field}: cannot read ${path}: ${reasonOf(cause)}`, {
        cause,
      })
    }
  }
  const [ca, cert, key] = await Promise.all([read('ca', caPath), read('cert', certPath), read('key', keyPath)])
  const { requestTimeoutMs: tryMs } = settings
  return createHttpClient({ tls: { isVerified, ...ca, ...cert, ...key }, ...(tryMs === undefined ? {} : { tryMs }) })
}
