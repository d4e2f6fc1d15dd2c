import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCloudError, type ErrorCode } from '../../model/errors.ts'
import { createHttpClient } from '../../wire/http.ts'
import type { Call } from '../provider.ts'
import type { Auth } from './clouds-auth.ts'
import type { CloudSettings } from './clouds-settings.ts'
import { createIdentity, type Identity } from './identity.ts'
import { withReplayedCloud, type Asked, type ReplayedCloud, type Reply } from './testdata/replay.ts'

const TOKEN = 'gAAAAABexampletoken'
const PROJECT = '8717515b469444dda4cabd25f2797400'
const DOMAIN = { name: 'Default' }
const LOGIN = 'POST /v3/auth/tokens'
const CHECK = 'GET /v3/auth/tokens'
const FLAVORS = { method: 'GET', path: '/flavors/detail', microversion: '2.90' } as const

const PASSWORD: Auth = {
  method: 'password',
  user: { name: 'demo', domain: DOMAIN },
  password: 'peer',
  project: { name: 'demo', domain: DOMAIN },
}
const OIDC: Auth = {
  method: 'oidc-access-token',
  identityProvider: 'peer-idp',
  protocols: ['openid', 'oidc'],
  accessToken: 'peer-oidc-token',
  project: { name: 'demo' },
}

interface Rig {
  readonly cloud: ReplayedCloud
  readonly identity: Identity
  /** Lets time go by. */
  readonly wait: (ms: number) => void
}

/** The recorded cloud at the time of its recording, and us before it. */
async function withRig(use: (rig: Rig) => Promise<void>, auth: Auth = PASSWORD, more: Partial<CloudSettings> = {}) {
  await withReplayedCloud(async (cloud) => {
    let nowMs = Date.parse('2026-11-22T10:12:20Z')
    const now = () => nowMs
    const http = createHttpClient({ now, sleep: async () => {}, maxTries: 2 })
    const endpoint = { interface: 'public' } as const
    const endpoints = { compute: endpoint, image: endpoint, network: endpoint, volume: endpoint }
    const tls = { isVerified: true }
    const settings = { name: 'site', authUrl: `${cloud.url}/v3`, auth, endpoints, tls, ...more }
    const identity = createIdentity({ name: 'openstack-x', settings, http }, now)
    try {
      await use({ cloud, identity, wait: (ms) => void (nowMs += ms) })
    } finally {
      await http.close()
    }
  })
}

const call = (token?: string): Call => ({
  signal: new AbortController().signal,
  deadline: Date.now() + 30_000,
  ...(token === undefined ? {} : { credential: { token } }),
})

/** No secret may stand in an error. */
const failsWith = (answer: Promise<unknown>, code: ErrorCode, message: RegExp) =>
  assert.rejects(answer, (error) => {
    assert.ok(isCloudError(error), String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, message)
    assert.doesNotMatch(error.message, /gAAAA|example-secret|peer-oidc-token|"wrong"/)
    return true
  })

const count = (cloud: ReplayedCloud, what: string) => cloud.log.filter((line) => line === what).length
const on = (what: string, reply: Reply) => (asked: Asked) =>
  `${asked.method} ${asked.path}` === what ? reply : undefined
const json = (status: number, body: unknown): Reply => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

/** The recorded token, under another name. */
function tokenReply(
  cloud: ReplayedCloud,
  value: string,
  change: (token: Record<string, unknown>) => object = () => ({}),
): Reply {
  const reply = cloud.recorded('keystone-token-password')
  const { token } = JSON.parse(reply.body ?? '') as { token: Record<string, unknown> }
  return { ...json(201, { token: { ...token, ...change(token) } }), headers: { 'x-subject-token': value } }
}

describe('the site', () => {
  it('logs in by password and asks services where the catalogue has them', async () => {
    await withRig(async ({ cloud, identity }) => {
      const session = await identity.session(call())
      assert.deepEqual(session.project, { id: PROJECT, name: 'demo', domain: { id: 'default', name: 'Default' } })
      assert.equal(session.user.name, 'demo')
      assert.deepEqual((['compute', 'image', 'network', 'volume'] as const).map(session.has), [true, true, true, false])
      const flavors = (await session.request('compute', FLAVORS)).json()
      assert.ok(typeof flavors === 'object' && flavors && 'flavors' in flavors)
      const images = await session.request('image', { method: 'GET', path: '/images', query: { limit: '1' } })
      assert.equal(images.status, 200)
      await failsWith(
        session.request('volume', { method: 'GET', path: '/volumes' }),
        'unsupported',
        /no volume service/,
      )
      assert.deepEqual(cloud.log, [LOGIN, 'GET /v2.1/flavors/detail', 'GET /v2/images'])
    })
  })

  it('logs in by application credential, which has its project', async () => {
    const auth: Auth = {
      method: 'application-credential',
      credential: { id: '1f79004575df4fa699fc162ba88daef8' },
      secret: 'example-secret',
    }
    await withRig(async ({ identity }) => {
      assert.equal((await identity.session(call())).project.id, PROJECT)
    }, auth)
  })

  it('logs in by name of an application credential, and by a token', async () => {
    const user = { name: 'demo', domain: DOMAIN }
    const named: Auth = { method: 'application-credential', credential: { name: 'occi', user }, secret: 's' }
    const rescoped: Auth = { method: 'token', token: 't', project: { id: PROJECT } }
    for (const [auth, expected] of [
      [
        named,
        {
          identity: {
            methods: ['application_credential'],
            application_credential: { name: 'occi', user, secret: 's' },
          },
        },
      ],
      [rescoped, { identity: { methods: ['token'], token: { id: 't' } }, scope: { project: { id: PROJECT } } }],
    ] as const)
      await withRig(async ({ cloud, identity }) => {
        cloud.answer = () => tokenReply(cloud, 'new')
        await identity.session(call())
        assert.deepEqual(
          cloud.asked.map(({ body }) => body),
          [{ auth: expected }],
        )
      }, auth)
  })

  it('is told of a wrong credential, and what can be wrong', async () => {
    await withRig(
      ({ identity }) =>
        failsWith(
          identity.session(call()),
          'provider-failed',
          /^openstack-x: login: Keystone refuses the credential of cloud "site" \(401\): user, password, project/,
        ),
      { ...PASSWORD, password: 'wrong' },
    )
    const auth: Auth = { method: 'application-credential', credential: { id: 'gone' }, secret: 'example-secret' }
    await withRig(async ({ cloud, identity }) => {
      cloud.answer = on(
        LOGIN,
        json(404, { error: { code: 404, message: 'Could not find Application Credential: gone.' } }),
      )
      await failsWith(identity.session(call()), 'provider-failed', /\(404\): the application credential/)
    }, auth)
  })

  it('is told of a Keystone that is none', async () => {
    const html = { status: 200, headers: { 'content-type': 'text/html' }, body: '<h1>It works!</h1>' }
    for (const [reply, code, message] of [
      [html, 'provider-failed', /login: answers 200$/],
      [{ ...html, status: 201 }, 'provider-failed', /answers 201 with text\/html of 18 bytes, which is no JSON$/],
      [json(201, { token: {} }), 'provider-failed', /is not as the Identity API v3 has it/],
      [
        json(500, { error: { message: 'An unexpected error\nprevented' } }),
        'provider-failed',
        /500: An unexpected error prevented$/,
      ],
      [{ status: 503 }, 'unavailable', /login: answers 503/],
      [
        { status: 302, headers: { location: 'http://sso.example' } },
        'provider-failed',
        /a redirect, and none is followed/,
      ],
    ] as const)
      await withRig(async ({ cloud, identity }) => {
        cloud.answer = () => reply
        await failsWith(identity.session(call()), code, message)
      })
    await withRig(async ({ cloud, identity }) => {
      cloud.answer = () => ({ ...tokenReply(cloud, 'x'), headers: {} })
      await failsWith(identity.session(call()), 'provider-failed', /whose X-Subject-Token is not as/)
    })
  })
})

describe('a federated login', () => {
  const exchangeOf = (protocol: string) =>
    `POST /v3/OS-FEDERATION/identity_providers/peer-idp/protocols/${protocol}/auth`
  const PROJECTS = 'GET /v3/auth/projects'

  it('gets a token for no project, finds the project, and gets one for it', async () => {
    await withRig(async ({ cloud, identity }) => {
      assert.equal((await identity.session(call())).project.id, PROJECT)
      assert.deepEqual(cloud.log, [exchangeOf('openid'), PROJECTS, LOGIN])
    }, OIDC)
    await withRig(
      async ({ cloud, identity }) => {
        await identity.session(call())
        assert.deepEqual(cloud.log, [exchangeOf('openid'), LOGIN])
      },
      { ...OIDC, project: { id: PROJECT } },
    )
  })

  it('tries the other protocol where the first is refused, and names both where neither is taken', async () => {
    const page = { status: 401, headers: { 'content-type': 'text/html', 'www-authenticate': 'Bearer' }, body: '<html>' }
    await withRig(async ({ cloud, identity }) => {
      cloud.answer = (asked) =>
        asked.path.includes('/openid/')
          ? page
          : asked.path.includes('/oidc/')
            ? cloud.recorded('keystone-oidc-unscoped')
            : undefined
      await identity.session(call())
      assert.deepEqual(cloud.log.slice(0, 2), [exchangeOf('openid'), exchangeOf('oidc')])
    }, OIDC)
    await withRig(async ({ cloud, identity }) => {
      cloud.answer = () => page
      await failsWith(
        identity.session(call()),
        'provider-failed',
        /the access token is refused \(openid 401, oidc 401\)/,
      )
      assert.equal(cloud.log.length, 2)
    }, OIDC)
  })

  const list = (...names: readonly string[]) =>
    names.map((name, index) => ({
      id: `${index}`,
      name: name.replace(/@.*/, ''),
      domain_id: name.endsWith('@elsewhere') ? 'e' : 'd',
      enabled: name !== 'off',
    }))
  const CHOICES: readonly (readonly [string, readonly string[], string | RegExp])[] = [
    ['vo', ['other', 'vo'], '1'],
    ['vo', ['xvo', 'VO:vo'], '1'],
    ['vo', ['vo_vo', 'vo'], '1'],
    ['vo.example.eu', ['voxexample.eu', 'VO:vo_vo.example.eu'], '1'],
    ['vo', ['VO:vo', 'vo_vo'], /2 projects are named "vo"; give project_id, one of 0, 1$/],
    ['vo', ['vo@elsewhere', 'vo'], '1'],
    ['off', ['off', 'on'], /no project "off": the user has on$/],
    ['vo', [], /no project "vo": the user has no project$/],
  ]
  for (const [name, projects, expected] of CHOICES)
    it(`finds ${name} among ${projects.join(', ') || 'none'}: ${String(expected)}`, async () => {
      await withRig(
        async ({ cloud, identity }) => {
          cloud.answer = (asked) => {
            if (asked.path === '/v3/auth/projects') return json(200, { projects: list(...projects) })
            return asked.path === '/v3/auth/tokens' ? tokenReply(cloud, 'x') : undefined
          }
          const session = identity.session(call())
          if (expected instanceof RegExp) return failsWith(session, 'provider-failed', expected)
          await session
          assert.deepEqual(cloud.asked.at(-1)?.body, {
            auth: { identity: { methods: ['token'], token: { id: TOKEN } }, scope: { project: { id: expected } } },
          })
          return undefined
        },
        { ...OIDC, project: { name, domain: { id: 'd' } } },
      )
    })
})

describe('the site’s token', () => {
  it('is got once, however many ask, and serves until two minutes before its end', async () => {
    await withRig(async ({ cloud, identity, wait }) => {
      await Promise.all(Array.from({ length: 20 }, () => identity.session(call())))
      await identity.session(call())
      assert.deepEqual(cloud.log, [LOGIN])
      wait(57 * 60_000)
      await identity.session(call())
      assert.deepEqual(cloud.log, [LOGIN])
      wait(60_000)
      await Promise.all([identity.session(call()), identity.session(call())])
      assert.deepEqual(cloud.log, [LOGIN, LOGIN])
    })
  })

  it('does not depend on the caller who asked first', async () => {
    await withRig(async ({ cloud, identity }) => {
      const gaveUp = new AbortController()
      cloud.answer = () => {
        gaveUp.abort()
        return undefined
      }
      const first = identity.session({ ...call(), signal: gaveUp.signal })
      const second = identity.session(call())
      await failsWith(first, 'timeout', /^openstack-x: login: no answer in time$/)
      assert.equal((await second).project.id, PROJECT)
      assert.deepEqual(cloud.log, [LOGIN])
    })
  })

  it('serves on near its end while Keystone is in trouble, but not beyond', async () => {
    await withRig(async ({ cloud, identity, wait }) => {
      await identity.session(call())
      cloud.answer = on(LOGIN, { status: 503 })
      wait(59 * 60_000)
      assert.equal((await identity.session(call())).project.id, PROJECT)
      wait(60_000)
      await failsWith(identity.session(call()), 'unavailable', /answers 503/)
    })
  })

  const refused = json(401, {
    error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' },
  })

  it('that a service refuses is renewed, and the request done again, a create too', async () => {
    await withRig(async ({ cloud, identity }) => {
      let logins = 0
      cloud.answer = (asked) => {
        if (asked.path === '/v3/auth/tokens') return tokenReply(cloud, `token-${++logins}`)
        return asked.headers['x-auth-token'] === 'token-1' ? refused : json(202, { server: { id: 's' } })
      }
      const sessions = await Promise.all([identity.session(call()), identity.session(call())])
      const create = { method: 'POST', path: '/servers', json: { server: {} } } as const
      const answers = await Promise.all(sessions.map((session) => session.request('compute', create)))
      assert.deepEqual(
        answers.map(({ status }) => status),
        [202, 202],
      )
      assert.equal(logins, 2)
      assert.equal(count(cloud, 'POST /v2.1/servers'), 4)
      await sessions[0]?.request('compute', create)
      assert.equal(count(cloud, 'POST /v2.1/servers'), 5)
    })
  })

  it('that was renewed in the meantime is not renewed again', async () => {
    await withRig(async ({ cloud, identity }) => {
      let logins = 0
      cloud.answer = (asked) => {
        if (asked.path === '/v3/auth/tokens') return tokenReply(cloud, `token-${++logins}`)
        return asked.headers['x-auth-token'] === 'token-1' ? refused : json(200, {})
      }
      const [early, late] = [await identity.session(call()), await identity.session(call())]
      await early.request('compute', FLAVORS)
      await late.request('compute', FLAVORS)
      assert.equal(logins, 2)
    })
  })

  it('is renewed once only', async () => {
    await withRig(async ({ cloud, identity }) => {
      cloud.answer = (asked) => (asked.path === '/v3/auth/tokens' ? undefined : cloud.recorded('nova-unauthorized'))
      const session = await identity.session(call())
      await failsWith(
        session.request('compute', FLAVORS),
        'provider-failed',
        /^openstack-x: compute GET \/flavors\/detail: a new token .* is refused too/,
      )
      assert.equal(count(cloud, LOGIN), 2)
      assert.equal(count(cloud, 'GET /v2.1/flavors/detail'), 2)
    })
  })
})

describe('a caller’s token', () => {
  /** Keystone knows the recorded token, as others it does not. */
  const known = (cloud: ReplayedCloud) => (asked: Asked) => {
    if (asked.path !== '/v3/auth/tokens') return undefined
    const { 'x-auth-token': token, 'x-subject-token': subject } = asked.headers
    if (token !== subject || token !== TOKEN) return json(401, { error: { message: 'no' } })
    return { ...tokenReply(cloud, TOKEN), status: 200 }
  }

  it('is used as it is, and asked about once', async () => {
    await withRig(async ({ cloud, identity, wait }) => {
      cloud.answer = known(cloud)
      const [owner] = await Promise.all([identity.tokenOwner(TOKEN, call()), identity.tokenOwner(TOKEN, call())])
      const domain = { id: 'default', name: 'Default' }
      assert.deepEqual(owner, {
        user: { id: 'fb5bde552a9742649cb7eeca97dc9233', name: 'demo', domain },
        project: { id: PROJECT, name: 'demo', domain },
        roles: ['member', 'reader'],
        expiresAt: Date.parse('2026-11-22T11:12:15Z'),
      })
      const session = await identity.session(call(TOKEN))
      assert.equal((await session.request('compute', FLAVORS)).status, 200)
      assert.deepEqual(cloud.log, [CHECK, 'GET /v2.1/flavors/detail'])
      wait(300_000)
      await identity.session(call(TOKEN))
      assert.equal(count(cloud, CHECK), 2)
    })
  })

  it('is refused where Keystone does not know it, it is for no project, it has expired, or is none', async () => {
    await withRig(async ({ cloud, identity, wait }) => {
      cloud.answer = known(cloud)
      await failsWith(identity.session(call('other')), 'unauthenticated', /the token is refused: it is not known/)
      cloud.log.length = 0
      for (const none of ['', 'a b', 'a\r\nx: y', 'é', 'x'.repeat(10_000)])
        await failsWith(identity.tokenOwner(none, call()), 'unauthenticated', /it is none$/)
      assert.deepEqual(cloud.log, [])
      cloud.answer = () => ({ ...cloud.recorded('keystone-oidc-unscoped'), status: 200 })
      await failsWith(identity.session(call(TOKEN)), 'unauthenticated', /it is for no project/)
      cloud.answer = known(cloud)
      wait(2 * 3_600_000)
      await failsWith(identity.session(call(TOKEN)), 'unauthenticated', /it has expired$/)
    })
  })

  it('that a service refuses is not replaced by ours, and is asked about again', async () => {
    await withRig(async ({ cloud, identity }) => {
      cloud.answer = (asked) => known(cloud)(asked) ?? cloud.recorded('nova-unauthorized')
      const session = await identity.session(call(TOKEN))
      await failsWith(session.request('compute', FLAVORS), 'unauthenticated', /the caller's token is refused \(401\)$/)
      assert.deepEqual(cloud.log, [CHECK, 'GET /v2.1/flavors/detail'])
      await identity.session(call(TOKEN))
      assert.equal(count(cloud, CHECK), 2)
    })
  })

  it('is forgotten when five hundred others were seen after it', async () => {
    await withRig(async ({ cloud, identity }) => {
      cloud.answer = () => ({ ...tokenReply(cloud, 'any'), status: 200 })
      for (let index = 0; index < 500; index++) await identity.tokenOwner(`token-${index}`, call())
      await identity.tokenOwner('token-0', call())
      assert.equal(cloud.log.length, 500)
      await identity.tokenOwner('token-new', call())
      // The one that was used least lately had to go; the first was used again.
      await identity.tokenOwner('token-0', call())
      assert.equal(cloud.log.length, 501)
      await identity.tokenOwner('token-1', call())
      assert.equal(cloud.log.length, 502)
    })
  })

  it('is not said to be wrong where Keystone cannot be asked', async () => {
    await withRig(async ({ cloud, identity }) => {
      cloud.answer = () => ({ status: 503 })
      await failsWith(identity.tokenOwner(TOKEN, call()), 'unavailable', /token check: answers 503/)
      cloud.answer = known(cloud)
      assert.equal((await identity.tokenOwner(TOKEN, call())).project.id, PROJECT)
    })
  })
})
