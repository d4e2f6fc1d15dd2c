import { setTimeout as sleep } from 'node:timers/promises'

/** Who logs in, and to which project: all in the domain that Keystone makes by itself. */
export interface Credentials {
  readonly user: string
  readonly password: string
  readonly project: string
  /** By name, of the user and of the project. */
  readonly domain: string
}

/** Asks services with one token. */
export interface Rest {
  readonly token: string
  /** @throws where the answer is an error. @returns what its JSON says, `undefined` where it is empty */
  readonly ask: <T>(method: string, url: string, body?: object | Uint8Array) => Promise<T>
}

/** Logs in at Keystone. */
export async function logIn(authUrl: string, credentials: Credentials): Promise<Rest> {
  const domain = { name: credentials.domain }
  const response = await fetch(`${authUrl}/auth/tokens`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: credentials.user, domain, password: credentials.password } },
        },
        scope: { project: { name: credentials.project, domain } },
      },
    }),
  })
  const token = response.headers.get('x-subject-token')
  if (token === null) throw new Error(`no token for ${credentials.user}: ${response.status} ${await response.text()}`)
  return {
    token,
    ask: async <T>(method: string, url: string, body?: object | Uint8Array) => {
      const bytes = body instanceof Uint8Array
      const answer = await fetch(url, {
        method,
        headers: {
          'X-Auth-Token': token,
          ...(body === undefined ? {} : { 'Content-Type': bytes ? 'application/octet-stream' : 'application/json' }),
        },
        ...(body === undefined ? {} : { body: bytes ? Uint8Array.from(body) : JSON.stringify(body) }),
      })
      const text = await answer.text()
      if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${text}`)
      return (text === '' ? undefined : JSON.parse(text)) as T
    },
  }
}

/** Waits until something holds. @throws where it does not within `limitMs` */
export async function untilHolds(what: string, limitMs: number, holds: () => Promise<boolean>): Promise<void> {
  for (const until = Date.now() + limitMs; !(await holds()); await sleep(200))
    if (Date.now() >= until) throw new Error(`not within ${limitMs} ms: ${what}`)
}
