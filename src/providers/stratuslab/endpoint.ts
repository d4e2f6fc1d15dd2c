import { CloudError } from '../../model/errors.ts'

/** Who asks: by user name and password, or by the certificate that the connection shows. */
export type Login = { readonly username: string; readonly password: string } | 'certificate'

/** On the front end itself the proxy is not asked. */
const FRONT_END = 'localhost'
const FRONT_END_URL = 'http://localhost:2633/RPC2'
const USUAL_PORT = 2634
const USUAL_PATH = '/xmlrpc'

/**
 * The address to ask at: StratusLab's proxy has one path for each kind of login, made from the address that users know.
 *
 * @param endpoint a host, alone or with its port, or a whole address: `https://cloud.example.org/one-proxy/xmlrpc`
 * @throws {CloudError} invalid for what is no such address, and where it holds a credential
 * @see StratusLab, client: the endpoint of a cloud
 */
export function rpcUrl(endpoint: string, login: Login): string {
  if (endpoint === FRONT_END && login !== 'certificate') return FRONT_END_URL
  const url = URL.parse(wholeAddress(endpoint))
  if (!url || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '')
    throw new CloudError(
      'invalid',
      'endpoint: no address of a StratusLab; write its host, or all of it like https://cloud.example.org/one-proxy/xmlrpc',
    )
  if (url.username !== '' || url.password !== '')
    throw new CloudError('invalid', 'endpoint: an address holds no credential; give username and passwordFile')
  if (login === 'certificate' && url.protocol !== 'https:')
    throw new CloudError('invalid', 'endpoint: a certificate is shown by TLS alone; write https://')
  const parts = (url.pathname === '/' ? USUAL_PATH : url.pathname.replace(/\/$/, '')).split('/')
  const last = parts.pop() ?? ''
  url.pathname = [...parts, login === 'certificate' ? 'cert' : 'pswd', last].join('/')
  return url.href
}

function wholeAddress(endpoint: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(endpoint)) return endpoint
  if (!/^[A-Za-z0-9.-]+(?::\d+)?$/.test(endpoint)) return ''
  return `https://${endpoint.includes(':') ? endpoint : `${endpoint}:${USUAL_PORT}`}${USUAL_PATH}`
}

/**
 * What stands first in every call. The proxy puts the name that it made sure of in its place; the front end itself looks at it.
 */
export function sessionOf(login: Login): string {
  return login === 'certificate' ? 'dummy:pass' : `${login.username}:${login.password}`
}
