import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { CloudError } from '../../model/errors.ts'
import { createHttpClient, type HttpClient, type TlsSettings } from '../../wire/http.ts'

// A list of some thousand VMs, which has all of each.
const ANSWER_MAX_BYTES = 64 * 1024 * 1024

/** Versions of TLS, as people write them. */
export type TlsVersion = '1.0' | '1.1' | '1.2' | '1.3'

/** Whom to trust, who we are, and how old the TLS of a site may be. */
export interface LabTls extends Omit<TlsSettings, 'minVersion'> {
  /** The oldest that is spoken; absent: that of Node.js. */
  readonly minVersion?: TlsVersion
}

/** OpenSSL 3 takes the digests of the first two for broken, and speaks them only where nothing is held to be too weak. */
const OLD = { ciphers: 'DEFAULT@SECLEVEL=0' }

/** @see Node.js, node:tls: tls.createSecureContext; OpenSSL, SSL_CTX_set_security_level */
const VERSIONS = {
  '1.0': { minVersion: 'TLSv1', ...OLD },
  '1.1': { minVersion: 'TLSv1.1', ...OLD },
  '1.2': { minVersion: 'TLSv1.2' },
  '1.3': { minVersion: 'TLSv1.3' },
} as const satisfies Readonly<Record<TlsVersion, SecureContextOptions>>

/**
 * A client for one StratusLab.
 *
 * @throws {CloudError} invalid where certificates or key cannot be used
 */
export function connectLab({ minVersion, ...credentials }: LabTls): HttpClient {
  const tls = { ...credentials, ...(minVersion === undefined ? {} : VERSIONS[minVersion]) }
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
