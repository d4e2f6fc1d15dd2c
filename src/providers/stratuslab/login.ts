import { Buffer } from 'node:buffer'
import { CloudError } from '../../model/errors.ts'
import type { HttpClient } from '../../wire/http.ts'
import type { Login } from './endpoint.ts'

/**
 * A client that says who asks. It is the proxy that lets callers in, so a refusal is a status of HTTP, not of XML-RPC.
 *
 * @throws {CloudError} from its requests, unauthenticated or forbidden where the proxy lets nobody in; then nothing was done
 */
export function withLogin(http: HttpClient, login: Login): HttpClient {
  const headers = login === 'certificate' ? {} : { authorization: basicOf(login) }
  return {
    close: () => http.close(),
    request: async (request) => {
      const answer = await http.request({ ...request, headers: { ...request.headers, ...headers } })
      if (answer.status === 401)
        throw new CloudError(
          'unauthenticated',
          `${request.what}: StratusLab's proxy refuses ${WHAT[kindOf(login)]} (401)`,
        )
      if (answer.status === 403)
        throw new CloudError('forbidden', `${request.what}: StratusLab's proxy lets this account do nothing (403)`)
      return answer
    },
  }
}

const WHAT = {
  password: 'user name and password; check username and passwordFile, or the user file',
  certificate: 'the certificate; check certificateFile, and whether the site knows it',
}

function kindOf(login: Login): keyof typeof WHAT {
  return login === 'certificate' ? login : 'password'
}

function basicOf({ username, password }: Exclude<Login, 'certificate'>): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}
