import { createSecureContext } from 'node:tls'
import { CloudError } from '../../model/errors.ts'
import { createHttpClient, type HttpClient, type TlsSettings } from '../../wire/http.ts'

// A list of some thousand VMs, which has all of each.
const ANSWER_MAX_BYTES = 64 * 1024 * 1024

/**
 * A client for one StratusLab.
 *
 * @throws {CloudError} invalid where certificates or key cannot be used
 */
export function connectLab(tls: TlsSettings): HttpClient {
  try {
    const { ca, cert, key } = tls
    createSecureContext({ ca, cert, key })
  } catch {
    // What OpenSSL says may hold parts of them.
    throw new CloudError(
      'invalid',
      'certificateFile, keyFile, caFile: no certificates and key of one pair, as PEM without a passphrase',
    )
  }
  return createHttpClient({ maxBytes: ANSWER_MAX_BYTES, tls })
}
