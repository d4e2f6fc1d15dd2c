import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { isCloudError } from '../../model/errors.ts'
import { mergeDeep, type Surroundings, type Tree } from './clouds-files.ts'
import { readCloud } from './clouds.ts'

type Files = Readonly<Record<string, string>>

function around(files: Files, env: Surroundings['env'] = {}): Surroundings {
  const readFile = async (path: string) => {
    const text = Object.hasOwn(files, path) ? files[path] : undefined
    if (text === undefined) throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' })
    if (text === 'EACCES') throw Object.assign(new Error(`not for us: ${path}`), { code: 'EACCES' })
    return text
  }
  return { env, readFile, cwd: '/desk', home: '/home/alice' }
}

/** One cloud of this shape in the working directory. */
const yaml = (cloud: object) => ({ '/desk/clouds.yaml': JSON.stringify({ clouds: { site: cloud } }) })

const AUTH = {
  auth_url: 'https://keystone.example:5000',
  username: 'alice',
  password: 'pass{word}',
  user_domain_name: 'Default',
  project_name: 'demo',
  project_domain_id: 'default',
}

const read = (files: Files, env: Surroundings['env'] = {}, wanted: { cloud?: string; region?: string } = {}) =>
  readCloud(wanted, around(files, env))

async function refusal(files: Files, env: Surroundings['env'] = {}, wanted: { cloud?: string; region?: string } = {}) {
  const error = await read(files, env, wanted).then(
    () => assert.fail('was taken'),
    (cause: unknown) => cause,
  )
  assert.ok(isCloudError(error, 'invalid'), String(error))
  assert.ok(!error.message.includes('pass{word}'), error.message)
  return error.message
}

describe('a cloud of clouds.yaml', () => {
  it('is read whole', async () => {
    const settings = await read(
      yaml({
        auth: AUTH,
        region_name: 'R1',
        interface: 'internal',
        image_endpoint_type: 'publicURL',
        volumev3_endpoint_override: 'https://{region_name}.example/cinder/v3',
        compute_api_version: '2.90',
        cacert: '~/ca.pem',
        cert: 'cert.pem',
        key: '/etc/key.pem',
        api_timeout: 12.5,
      }),
    )
    assert.deepEqual(settings, {
      name: 'site',
      authUrl: 'https://keystone.example:5000/v3',
      auth: {
        method: 'password',
        user: { name: 'alice', domain: { name: 'Default' } },
        password: 'pass{word}',
        project: { name: 'demo', domain: { id: 'default' } },
      },
      region: 'R1',
      endpoints: {
        compute: { interface: 'internal' },
        image: { interface: 'public' },
        network: { interface: 'internal' },
        volume: { interface: 'internal', override: 'https://R1.example/cinder/v3' },
      },
      computeMicroversion: '2.90',
      tls: { isVerified: true, caPath: '/home/alice/ca.pem', certPath: '/desk/cert.pem', keyPath: '/etc/key.pem' },
      requestTimeoutMs: 12_500,
    })
  })

  it('may be spelled with - for _ at every depth', async () => {
    const keys = Object.keys(AUTH) as (keyof typeof AUTH)[]
    const plain = await read(yaml({ auth: AUTH, region_name: 'R', compute_api_version: '2.53' }))
    await fc.assert(
      fc.asyncProperty(fc.subarray(keys), fc.boolean(), async (dashed, isDashed) => {
        const dash = (key: string) => key.replaceAll('_', '-')
        const auth = Object.fromEntries(keys.map((key) => [dashed.includes(key) ? dash(key) : key, AUTH[key]]))
        const beside = {
          [isDashed ? 'region-name' : 'region_name']: 'R',
          [isDashed ? 'compute-api-version' : 'compute_api_version']: '2.53',
        }
        assert.deepEqual(await read(yaml({ auth, ...beside })), plain)
      }),
    )
  })

  it('keeps what looks like a number as it was written, and takes null for nothing', async () => {
    const text = `clouds:
  defaults: &defaults
    region_name: ~
    compute_default_microversion: 2.90
  site:
    <<: *defaults
    auth: {auth_url: https://k/v3/, user_id: 0123, password: 1e3, project_id: 00, token: null}
`
    const { auth, computeMicroversion, authUrl, region } = await read(
      { '/desk/clouds.yaml': text },
      {},
      { cloud: 'site' },
    )
    assert.deepEqual(auth, { method: 'password', user: { id: '0123' }, password: '1e3', project: { id: '00' } })
    assert.deepEqual([computeMicroversion, authUrl, region], ['2.90', 'https://k/v3', undefined])
  })

  const AUTHS: readonly (readonly [string, object, object])[] = [
    [
      'a token',
      { auth_type: 'v3token', auth: { auth_url: 'http://k', token: 't', project_id: 'p' } },
      { method: 'token', token: 't', project: { id: 'p' } },
    ],
    [
      'an application credential by id, whose project is its own',
      {
        auth_type: 'v3applicationcredential',
        auth: {
          auth_url: 'http://k',
          application_credential_id: 'i',
          application_credential_secret: 's{',
          project_id: 'p',
        },
      },
      { method: 'application-credential', credential: { id: 'i' }, secret: 's{' },
    ],
    [
      'an application credential by name',
      {
        auth_plugin: 'v3applicationcredential',
        auth: {
          auth_url: 'http://k',
          application_credential_name: 'n',
          username: 'u',
          user_domain_id: 'd',
          application_credential_secret: 's',
        },
      },
      {
        method: 'application-credential',
        credential: { name: 'n', user: { name: 'u', domain: { id: 'd' } } },
        secret: 's',
      },
    ],
    [
      'an access token, with both protocols of EGI',
      {
        auth_type: 'v3oidcaccesstoken',
        auth: { auth_url: 'http://k', identity_provider: 'egi.eu', access_token: 'a', project_name: 'vo' },
      },
      {
        method: 'oidc-access-token',
        identityProvider: 'egi.eu',
        protocols: ['openid', 'oidc'],
        accessToken: 'a',
        project: { name: 'vo' },
      },
    ],
    [
      'an access token, with the protocol that is named',
      {
        auth_type: 'v3oidcaccesstoken',
        identity_provider: 'x',
        auth: {
          auth_url: 'http://k',
          protocol: 'mapped',
          access_token: 'a',
          project_id: 'p',
          project_domain_name: 'd',
        },
      },
      {
        method: 'oidc-access-token',
        identityProvider: 'x',
        protocols: ['mapped'],
        accessToken: 'a',
        project: { id: 'p' },
      },
    ],
    [
      'tenants for projects, where no project is named, and one domain for both',
      {
        auth: {
          auth_url: 'http://k',
          username: 'u',
          password: 'p',
          tenant_name: 't',
          domain_id: 'd',
          user_domain_id: 'own',
        },
      },
      {
        method: 'password',
        user: { name: 'u', domain: { id: 'own' } },
        password: 'p',
        project: { name: 't', domain: { id: 'd' } },
      },
    ],
    [
      'what stands beside auth: projects and domains there win, the rest loses',
      {
        project_name: 'beside',
        username: 'beside',
        auth: {
          auth_url: 'http://k',
          username: 'u',
          password: 'p',
          project_name: 'in',
          tenant_name: 't',
          domain_name: 'd',
        },
      },
      {
        method: 'password',
        user: { name: 'u', domain: { name: 'd' } },
        password: 'p',
        project: { name: 'beside', domain: { name: 'd' } },
      },
    ],
  ]
  for (const [name, cloud, expected] of AUTHS)
    it(`may have ${name}`, async () => assert.deepEqual((await read(yaml(cloud))).auth, expected))

  it('fills {region_name} into its address, and takes the values of its region', async () => {
    const cloud = {
      auth: { ...AUTH, auth_url: 'https://{region_name}.example/identity' },
      regions: ['R1', { name: 'R2', values: { interface: 'admin', auth: { project_name: 'two' } } }],
    }
    const first = await read(yaml(cloud))
    assert.deepEqual([first.authUrl, first.region], ['https://R1.example/identity/v3', 'R1'])
    const second = await read(yaml(cloud), {}, { region: 'R2' })
    assert.deepEqual([second.authUrl, second.endpoints.compute.interface], ['https://R2.example/identity/v3', 'admin'])
    assert.deepEqual(second.auth, { ...first.auth, project: { name: 'two', domain: { id: 'default' } } })
    assert.match(await refusal(yaml(cloud), {}, { region: 'r2' }), /cloud "site" has no region "r2"; it has R1, R2/)
    assert.equal((await read(yaml({ auth: AUTH }), {}, { region: 'any' })).region, 'any')
  })

  it('is not believed to verify where it says insecure, and then needs no CA', async () => {
    const tls = async (more: object) => (await read(yaml({ auth: AUTH, ...more }))).tls
    assert.deepEqual(await tls({ insecure: true, verify: true, cacert: 'x' }), { isVerified: false })
    assert.deepEqual(await tls({ verify: 'False' }), { isVerified: false })
    assert.deepEqual(await tls({ insecure: false, cacert: 'x' }), { isVerified: true, caPath: '/desk/x' })
  })

  it('may lean on a vendor of a file, and never on one of the network', async () => {
    const vendors = {
      '/etc/openstack/clouds-public.yaml': 'public-clouds: {v: {auth: {auth-url: "https://v"}, regions: [VR]}}',
    }
    const { auth_url: _, ...auth } = AUTH
    const settings = await read({ ...yaml({ profile: 'v', auth }), ...vendors })
    assert.deepEqual([settings.authUrl, settings.region], ['https://v/v3', 'VR'])
    assert.match(
      await refusal({ ...yaml({ profile: 'w', auth }), ...vendors }),
      /clouds\.site\.profile: "w" is not known: .* has none/,
    )
    const fetched = await refusal(yaml({ profile: 'https://vendor.example', auth }))
    assert.match(fetched, /^\/desk\/clouds\.yaml: clouds\.site\.profile: is an address, and no profile is fetched/)
  })

  const WRONG: readonly (readonly [object, RegExp])[] = [
    [{ auth: { ...AUTH, auth_url: undefined } }, /^\/desk\/clouds\.yaml: clouds\.site\.auth\.auth_url: is missing/],
    [{ auth: { ...AUTH, auth_url: 'keystone.example' } }, /auth_url: must be http/],
    [{ auth: { ...AUTH, auth_url: 'https://a:pass{{word}}@k/' } }, /auth_url: must be http/],
    [{ auth: { ...AUTH, auth_url: 'https://k/v2.0' } }, /auth_url: names version 2/],
    [{ auth: { ...AUTH, auth_url: 'https://{zone}' } }, /auth_url: has \{…\} that names no text/],
    [{ auth: { ...AUTH, auth_url: 'https://{password}.x' }, password: 'word' }, /auth_url: has \{…\}/],
    [{ auth: { ...AUTH, auth_url: 'https://{0}' } }, /auth_url: has \{…\}/],
    [{ auth: { ...AUTH, password: '' } }, /auth\.password: is missing$/],
    [
      { auth: { ...AUTH, user_domain_name: null } },
      /auth\.user_domain_name: is missing: username says nothing without/,
    ],
    [{ auth: { ...AUTH, project_name: null } }, /auth\.project_name: is missing; project_id would do too$/],
    [{ auth: AUTH, auth_type: 'v3kerberos' }, /auth_type: must be one of password, v3password, token/],
    [{ auth: AUTH, auth_type: 'toString' }, /auth_type: must be one of/],
    [{ auth: AUTH, interface: 'private' }, /clouds\.site\.interface: must be one of public, internal, admin/],
    [{ auth: AUTH, verify: 'maybe' }, /verify: must be true or false/],
    [{ auth: AUTH, compute_api_version: '3' }, /compute_api_version: must be 2 or 2\.N/],
    [{ auth: AUTH, api_timeout: 'soon' }, /api_timeout: must be seconds/],
    [{ auth: AUTH, key: 'k' }, /clouds\.site\.cert: is missing/],
    [{ auth: AUTH, regions: [{ values: {} }] }, /clouds\.site\.regions: each must be a name/],
    [{ auth: AUTH, image_endpoint_override: 'x' }, /image_endpoint_override: must be http/],
  ]
  for (const [cloud, message] of WRONG)
    it(`is refused where ${message.source}`, async () => assert.match(await refusal(yaml(cloud)), message))
})

describe('the files', () => {
  const cloud = (name: string) => `clouds: {${name}: ${JSON.stringify({ auth: AUTH })}}`

  it('are looked for on a path, and the first that can be read is used alone', async () => {
    const paths = [
      '/named/c',
      '/desk/clouds.yaml',
      '/desk/clouds.yml',
      '/desk/clouds.json',
      '/xdg/openstack/clouds.yaml',
    ]
    paths.push(
      '/home/alice/.config/openstack/clouds.yaml',
      '/s1/openstack/clouds.yml',
      '/s2/openstack/clouds.yml',
      '/etc/openstack/clouds.yaml',
    )
    const env = { OS_CLIENT_CONFIG_FILE: '/named/c', XDG_CONFIG_HOME: '/xdg', XDG_CONFIG_DIRS: '/s1:/s2' }
    for (const [index] of paths.entries()) {
      const files = Object.fromEntries(
        paths
          .slice(index)
          .map((path, at) => [
            path,
            path.endsWith('json')
              ? JSON.stringify({ clouds: { [`c${index + at}`]: { auth: AUTH } } })
              : cloud(`c${index + at}`),
          ]),
      )
      assert.equal((await read(files, env)).name, `c${index}`)
    }
  })

  it('that are not for us, or broken, are passed over, and an error says so', async () => {
    const files = {
      '/desk/clouds.yaml': 'EACCES',
      '/desk/clouds.yml': 'clouds: [\nsite: "pass{word}',
      '/desk/clouds.json': '{"pass{word}"',
    }
    assert.equal((await read({ ...files, '/etc/openstack/clouds.yaml': cloud('last') })).name, 'last')
    const said = await refusal(files, { OS_CLIENT_CONFIG_FILE: '/gone' })
    assert.match(said, /no cloud is described.*not used: \/gone: ENOENT; not used: \/desk\/clouds\.yaml: EACCES/)
    assert.match(said, /clouds\.yml: no YAML: line 2 \(BAD_INDENT\); not used: \/desk\/clouds\.json: no JSON$/)
    assert.match(await refusal({ '/desk/clouds.yaml': '- a' }), /^\/desk\/clouds\.yaml: holds no mapping/)
  })

  it('have secrets in one of their own, which goes over the other at every depth', async () => {
    const { password: _, ...auth } = AUTH
    const secure = { '/etc/openstack/secure.yaml': 'clouds: {site: {auth: {password: s, username: bob}}}' }
    const settings = await read({ ...yaml({ auth }), ...secure })
    assert.deepEqual(settings.auth, {
      ...(await read(yaml({ auth: { ...AUTH, password: 's', username: 'bob' } }))).auth,
    })
    const elsewhere = { '/s.json': '{"clouds":{"site":{"auth":{"password":"t"}}}}' }
    const named = await read({ ...yaml({ auth }), ...secure, ...elsewhere }, { OS_CLIENT_SECURE_FILE: '../s.json' })
    assert.ok(named.auth && 'password' in named.auth)
    assert.equal(named.auth.password, 't')
  })

  it('may be real ones', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bellhop-clouds-'))
    try {
      await writeFile(join(folder, 'clouds.yaml'), cloud('real'))
      const real = { env: {}, cwd: folder, home: folder, readFile: (path: string) => readFile(path, 'utf8') }
      assert.equal((await readCloud({}, real)).name, 'real')
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe('the cloud', () => {
  const two = {
    '/desk/clouds.yaml': `clouds: {a: ${JSON.stringify({ auth: AUTH })}, b: ${JSON.stringify({ auth: AUTH })}}`,
  }
  const variables = {
    OS_AUTH_URL: 'https://env/v3',
    OS_USERNAME: 'bob',
    OS_PASSWORD: 'pass{word}',
    OS_USER_DOMAIN_NAME: 'Default',
    OS_PROJECT_NAME: 'p',
    OS_PROJECT_DOMAIN_NAME: 'Default',
    OS_REGION_NAME: 'RE',
  }

  it('is the one that is named, then $OS_CLOUD, then the variables, then the only one', async () => {
    assert.equal((await read(two, { ...variables, OS_CLOUD: 'a' }, { cloud: 'b' })).name, 'b')
    assert.equal((await read(two, { ...variables, OS_CLOUD: 'a' })).name, 'a')
    assert.equal((await read(two, variables)).name, 'envvars')
    assert.equal((await read(two, { ...variables, OS_CLOUD_NAME: 'mine' })).name, 'mine')
    assert.equal(
      (await read(yaml({ auth: AUTH }), { OS_REGION_NAME: 'x', OS_TEST_A: '1', OS_STDOUT: '1', OS_LOG_A: '1' })).name,
      'site',
    )
    assert.match(await refusal(two), /clouds\.yaml has 2 clouds \(a, b\): say which one, or set OS_CLOUD/)
    assert.match(await refusal(two, {}, { cloud: 'c' }), /^\/desk\/clouds\.yaml: cloud "c" is not there: it has a, b$/)
    assert.match(await refusal({}), /no cloud is described/)
    const clash = { '/desk/clouds.yaml': `clouds: {envvars: {}}` }
    assert.match(await refusal(clash, variables), /clouds\.envvars: the OS_\* variables have this name too/)
  })

  it('takes nothing from the variables where it is named', async () => {
    assert.deepEqual(await read(two, { ...variables, OS_CLOUD: 'a' }), await read(two, {}, { cloud: 'a' }))
  })

  it('of the variables is read as one of a file, and errors name the variables', async () => {
    const settings = await read({}, { ...variables, OS_INSECURE: 'true', OS_COMPUTE_API_VERSION: '2.60' })
    assert.deepEqual(settings.auth, {
      method: 'password',
      user: { name: 'bob', domain: { name: 'Default' } },
      password: 'pass{word}',
      project: { name: 'p', domain: { name: 'Default' } },
    })
    assert.deepEqual([settings.authUrl, settings.region, settings.tls.isVerified], ['https://env/v3', 'RE', false])
    assert.equal(settings.computeMicroversion, '2.60')
    assert.match(await refusal({}, { ...variables, OS_PASSWORD: '' }), /^OS_PASSWORD: is missing$/)
  })

  it('has no secret of its own in an error, whatever is wrong with it', async () => {
    const secret = fc.string({ minLength: 6, maxLength: 20 }).map((text) => `§${text}§`)
    await fc.assert(
      fc.asyncProperty(
        secret,
        fc.subarray(['auth_url', 'username', 'user_domain_name', 'project_name'], { minLength: 1 }),
        async (password, gone) => {
          const auth = { ...AUTH, password, ...Object.fromEntries(gone.map((key) => [key, null])) }
          const error = await read(yaml({ auth })).catch((cause: unknown) => cause)
          assert.ok(isCloudError(error, 'invalid') && !error.message.includes(password))
        },
      ),
    )
  })
})

describe('mergeDeep', () => {
  const tree = fc.letrec<{ tree: Tree; value: string | Tree }>((tie) => ({
    value: fc.oneof({ depthSize: 'small' }, fc.string({ maxLength: 3 }), tie('tree')),
    tree: fc.dictionary(fc.constantFrom('a', 'b', '__proto__', 'toString'), tie('value'), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
  })).tree

  it('keeps what the upper says, and is done after once', () => {
    fc.assert(
      fc.property(tree, tree, (under, over) => {
        const merged = mergeDeep(under, over)
        assert.deepEqual(mergeDeep(merged, over), merged)
        assert.deepEqual(mergeDeep(under, {}), under)
        assert.deepEqual(new Set(Object.keys(merged)), new Set([...Object.keys(under), ...Object.keys(over)]))
        assert.equal(Object.getPrototypeOf(merged), Object.prototype)
      }),
    )
  })
})
