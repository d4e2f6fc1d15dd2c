import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { CreateRequest, Provider } from '../../src/providers/provider.ts'
import { synnefoProvider } from '../../src/providers/synnefo/index.ts'
import { createHttpClient } from '../../src/wire/http.ts'
import { startSynnefo, type Synnefo, type SynnefoOptions } from '../synnefo/synnefo.ts'
import type { Customized, Server } from '../synnefo/model.ts'
import { call, eventually } from './provider-calls.ts'

/** Images by what they say of themselves. */
export const IMAGES = { plain: 'image-plain', 'cloud-init': 'image-cloud-init' } as const

/** A site, and a driver that uses it. */
export interface Rig {
  readonly site: Synnefo
  readonly provider: Provider
  readonly request: (change?: Partial<CreateRequest['spec']>, more?: Partial<CreateRequest>) => CreateRequest
  /** The image of this kind, for a request. */
  readonly from: (kind: keyof typeof IMAGES) => Pick<CreateRequest, 'image'>
  /** Makes one, and waits until it runs. */
  readonly made: (change?: Partial<CreateRequest['spec']>, more?: Partial<CreateRequest>) => Promise<Made>
}

/** A server that runs. */
export interface Made {
  readonly server: Server
  readonly guest: Customized
}

/** A site with two images and three networks, and a driver that uses an account there. */
export async function openRig(
  t: { readonly after: (close: () => Promise<void>) => unknown },
  options: SynnefoOptions & { readonly project?: string } = {},
): Promise<Rig> {
  const { project, ...ofSite } = options
  const site = await startSynnefo(t, ofSite)
  site.addImage({ id: IMAGES.plain })
  site.addImage({ id: IMAGES['cloud-init'], metadata: { OSFAMILY: 'linux', cloud_init: 'Yes' } })
  site.addImage({ id: 'image-being-saved', status: 'SAVING' })
  site.addFlavor({ id: 42 })
  site.addFlavor({ id: 43, allowCreate: false })
  site.addNetwork({ id: 1, name: 'private' })
  site.addNetwork({ id: 2, name: 'public' }, ['203.0.113.5'])
  site.addNetwork({ id: 3, name: 'forced' })
  const provider = synnefoProvider({
    name: 'okeanos',
    settings: { cloud: 'okeanos', authUrl: site.authUrl, token: site.token, tls: {} },
    http: createHttpClient({ sleep: () => Promise.resolve() }),
    ...(project === undefined ? {} : { project }),
  })
  t.after(async () => provider.close?.())
  const [images, [size]] = [await provider.images(call()), await provider.sizes(call())]
  const from: Rig['from'] = (kind) => ({
    image: images.find(({ remoteId }) => remoteId === IMAGES[kind]) ?? assert.fail(`there is an image ${kind}`),
  })
  const request: Rig['request'] = (change, more) => ({
    id: randomUUID(),
    ...from('plain'),
    size: size ?? assert.fail('there is a flavor'),
    spec: { publicKeys: [], variables: {}, files: [], labels: {}, ...change },
    plan: { provider: 'okeanos', deliveries: [], warnings: [] },
    offers: [],
    ...more,
  })
  return {
    site,
    provider,
    request,
    from,
    made: async (change, more) => {
      const { remoteId } = await provider.create(request(change, more), call())
      await eventually('it runs', 5000, async () => {
        assert.equal((await provider.get(remoteId, call())).state, 'active')
      })
      const server = site.servers().find(({ id }) => String(id) === remoteId) ?? assert.fail()
      return { server, guest: server.customized ?? assert.fail('snf-image was there') }
    },
  }
}
