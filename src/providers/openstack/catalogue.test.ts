import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCloudError, type ErrorCode } from '../../model/errors.ts'
import { endpointOf, hasService, versionRoot } from './catalogue.ts'
import type { CloudSettings, EndpointChoice, Service } from './clouds-settings.ts'
import type { Catalogue, TokenFacts } from './token-facts.ts'

const domain = { id: 'default', name: 'Default' }

function facts(catalogue: Catalogue): TokenFacts {
  const [user, project] = ['u', 'p1'].map((id) => ({ id, name: id, domain }))
  assert.ok(user && project)
  return { user, project, roles: [], expiresAt: 0, catalogue }
}

function choice(
  endpoint: EndpointChoice = { interface: 'public' },
  region?: string,
): Pick<CloudSettings, 'name' | 'endpoints' | 'region'> {
  const endpoints = { compute: endpoint, image: endpoint, network: endpoint, volume: endpoint }
  return { name: 'site', endpoints, ...(region === undefined ? {} : { region }) }
}

const entry = (type: string, ...endpoints: readonly (readonly [string, string, string])[]) => ({
  type,
  endpoints: endpoints.map(([kind, region, url]) => ({ interface: kind, region, region_id: region, url })),
})

describe('an endpoint', () => {
  const SHAPES: readonly (readonly [Service, string, string, string])[] = [
    ['compute', 'compute', 'http://site:8774/v2.1', 'http://site:8774/v2.1'],
    ['compute', 'compute', 'http://site:8774/v2.1/p1/', 'http://site:8774/v2.1/p1'],
    ['compute', 'compute', 'https://site/compute', 'https://site/compute/v2.1'],
    ['compute', 'compute', 'https://site/compute/v2.1', 'https://site/compute/v2.1'],
    ['compute', 'compute', 'https://v2.example', 'https://v2.example/v2.1'],
    ['image', 'image', 'http://site:9292', 'http://site:9292/v2'],
    ['image', 'image', 'http://site/image/', 'http://site/image/v2'],
    ['image', 'image', 'http://site:9292/v2/', 'http://site:9292/v2'],
    ['network', 'network', 'http://site:9696/', 'http://site:9696/v2.0'],
    ['network', 'network', 'http://site:9696/v2.0', 'http://site:9696/v2.0'],
    ['volume', 'volumev3', 'http://site:8776/v3/p1', 'http://site:8776/v3/p1'],
    ['volume', 'block-storage', 'http://site/volume', 'http://site/volume/v3/p1'],
  ]
  for (const [service, type, url, expected] of SHAPES)
    it(`of ${service} at ${url} is ${expected}`, () => {
      const token = facts([
        entry('compute_legacy', ['public', 'R', 'http://old/v2']),
        entry(type, ['public', 'R', url]),
      ])
      assert.equal(endpointOf(service, token, choice()), expected)
      assert.equal(endpointOf(service, facts([]), choice({ interface: 'public', override: url })), expected)
    })

  const two = facts([
    entry(
      'compute',
      ['admin', 'A', 'http://aa/v2.1'],
      ['public', 'A', 'http://pa/v2.1'],
      ['public', 'B', 'http://pb/v2.1'],
    ),
    entry('image', ['internalURL', 'A', 'http://ia/v2'], ['public', 'B', 'javascript:alert(1)']),
  ])
  const fails = (make: () => unknown, code: ErrorCode, message: RegExp) =>
    assert.throws(make, (error) => isCloudError(error, code) && message.test(error.message))

  it('is the first of its interface, or the one of its region', () => {
    assert.equal(endpointOf('compute', two, choice()), 'http://pa/v2.1')
    assert.equal(endpointOf('compute', two, choice({ interface: 'public' }, 'B')), 'http://pb/v2.1')
    assert.equal(endpointOf('compute', two, choice({ interface: 'admin' }, 'A')), 'http://aa/v2.1')
    assert.equal(endpointOf('image', two, choice({ interface: 'internal' })), 'http://ia/v2')
  })

  it('that is not there is told, with what is', () => {
    fails(
      () => endpointOf('compute', two, choice({ interface: 'public' }, 'C')),
      'provider-failed',
      /not in region "C" but in A, B; set region_name$/,
    )
    fails(
      () => endpointOf('compute', two, choice({ interface: 'internal' })),
      'provider-failed',
      /at no internal endpoint but at admin, public; set interface$/,
    )
    fails(
      () => endpointOf('volume', two, choice()),
      'unsupported',
      /cloud "site" has no volume service in its catalogue$/,
    )
    fails(
      () => endpointOf('image', two, choice({ interface: 'public' }, 'B')),
      'provider-failed',
      /no usable address for image$/,
    )
  })

  it('that the settings name wins, with the project filled in', () => {
    const named = choice({ interface: 'admin', override: 'http://mine/v2.1/%(project_id)s' }, 'C')
    assert.equal(endpointOf('compute', two, named), 'http://mine/v2.1/p1')
  })
})

it('a service is there when the catalogue or the settings say so', () => {
  const token = facts([entry('image')])
  assert.deepEqual([hasService('image', token, choice()), hasService('volume', token, choice())], [true, false])
  assert.ok(hasService('volume', token, choice({ interface: 'public', override: 'http://x' })))
})

it('the root of a version has no project behind it', () => {
  for (const end of ['', '/p1']) {
    assert.equal(versionRoot(`http://site:8774/v2.1${end}`), 'http://site:8774/v2.1')
    assert.equal(versionRoot(`https://site/v1/compute/v2.1${end}`), 'https://site/v1/compute/v2.1')
  }
})
