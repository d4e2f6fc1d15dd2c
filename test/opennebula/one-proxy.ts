import { Buffer } from 'node:buffer'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import type { SecureContextOptions, SecureVersion, TLSSocket } from 'node:tls'
import { decodeXmlText, escapeXmlText } from '../../src/wire/xml-text.ts'
import type { OpenNebula } from './opennebula.ts'

/** Who may pass, and how the proxy is reached. */
export interface OneProxyOptions {
  /** Passwords by user name. */
  readonly users: Readonly<Record<string, string>>
  /** Absent: it speaks HTTP, and nobody can show a certificate. */
  readonly tls?: {
    readonly key: string
    readonly cert: string
    readonly ca: string
    /** The newest TLS that it speaks; absent: that of Node.js. */
    readonly maxVersion?: SecureVersion
  }
}

/** A proxy that runs. */
export interface OneProxy {
  /** The address that users know, without the path element of a login. */
  readonly url: string
  /** Paths that were asked, in order. */
  readonly paths: readonly string[]
  /** Bodies as they came, in order. */
  readonly bodies: readonly string[]
}

/** What the proxy writes as everybody's password: the front end behind it believes the name. */
export const PROXY_PASSWORD = 'a'.repeat(40)

const ADMINISTRATOR = 'oneadmin'

/**
 * Plays StratusLab's proxy before a front end of version 3.2 until the test ends. It lets callers in by password or by certificate, puts
 * their name in the place of the session, and hands the call on. Accounts behind it have {@link PROXY_PASSWORD}.
 *
 * What StratusLab's own patches do to the front end is done here too: its disks may come from an address, and its networks belong to
 * the administrator.
 */
export async function startOneProxy(
  t: Pick<TestContext, 'after'>,
  one: OpenNebula,
  { users, tls }: OneProxyOptions,
): Promise<OneProxy> {
  const paths: string[] = []
  const bodies: string[] = []

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = String(await buffer(request))
    paths.push(request.url ?? '')
    const session = sessionFor(request, users)
    if (session === undefined)
      return void response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="one-proxy"' }).end('<h1>401</h1>')
    bodies.push(body)
    const sent = patch(body.replace(/(<param><value><string>)[^<]*/, `$1${escapeXmlText(session, 'session')}`))
    const answer = await fetch(one.url, { method: 'POST', headers: { 'content-type': 'text/xml' }, body: sent })
    response.writeHead(answer.status, { 'Content-Type': 'text/xml' }).end(await answer.text())
  }

  const listener: RequestListener = (request, response) => {
    // The front end breaks off where a test has it do so.
    serve(request, response).catch(() => response.socket?.destroy())
  }
  const server = tls
    ? createTlsServer({ ...tls, ...oldTls(tls.maxVersion), requestCert: true, rejectUnauthorized: false }, listener)
    : createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return { url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}/one-proxy/xmlrpc`, paths, bodies }
}

/** Such a server is as old as its newest TLS. */
function oldTls(maxVersion: SecureVersion | undefined): SecureContextOptions {
  return maxVersion === undefined ? {} : { minVersion: 'TLSv1', maxVersion, ciphers: 'DEFAULT@SECLEVEL=0' }
}

function sessionFor(request: IncomingMessage, users: OneProxyOptions['users']): string | undefined {
  if (request.url === '/one-proxy/cert/xmlrpc') {
    const socket = request.socket as TLSSocket
    if (!socket.authorized) return undefined
    const name = String(socket.getPeerCertificate().subject.CN)
    return `${encodeURIComponent(`CN=${name}`)}:${PROXY_PASSWORD}`
  }
  if (request.url !== '/one-proxy/pswd/xmlrpc') return undefined
  const [scheme, base64 = ''] = (request.headers.authorization ?? '').split(' ')
  const [user = '', ...rest] = Buffer.from(base64, 'base64').toString().split(':')
  const password = rest.join(':')
  if (scheme !== 'Basic' || !Object.hasOwn(users, user) || users[user] !== password) return undefined
  return `${encodeURIComponent(user)}:${user === ADMINISTRATOR ? password : PROXY_PASSWORD}`
}

/** To a front end without StratusLab's patches a disk from an address is none; one that is made new is. */
function patch(body: string): string {
  return body.replace(
    /(<methodName>one\.vm\.allocate<.*?<param>.*?<\/param><param><value><string>)([^<]*)/s,
    (_, before: string, template: string) => {
      const text = decodeXmlText(template) ?? ''
      return before + escapeXmlText(text.replaceAll(/(DISK\s*=\s*\[)(?=\s*source)/gi, '$1 type = "fs",'), 'template')
    },
  )
}

/** The template that a body of one.vm.allocate holds; `undefined` where it is another call. */
export function templateIn(body: string): string | undefined {
  const found = /<methodName>one\.vm\.allocate<.*?<\/param><param><value><string>([^<]*)/s.exec(body)?.[1]
  return found === undefined ? undefined : decodeXmlText(found)
}
