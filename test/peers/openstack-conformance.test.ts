import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { describe, it } from 'node:test'
import type { Provider } from '../../src/providers/provider.ts'
import { readCloud } from '../../src/providers/openstack/clouds.ts'
import { connectCloud } from '../../src/providers/openstack/connection.ts'
import { openStackProvider } from '../../src/providers/openstack/index.ts'
import { testProvider } from '../conformance/provider.ts'
import { openStackPeer, type OpenStackPeer } from './openstack/peer.ts'

/** Nova's fake driver is quick, its scheduler is not. */
const PATIENCE_MS = 120_000

const NO_UPLOAD = "Nova's fake driver sends Glance no bytes: the image stays queued"

describe('OpenStack provider', async () => {
  await it('keeps what every provider promises', async (t) => {
    const peer = await openStackPeer(t)
    if (peer === undefined) return
    testProvider({
      name: 'openstack',
      skip: {
        'images: one that is saved from a machine is listed with its project, once however often it is asked':
          NO_UPLOAD,
        'images: one that was saved is deleted once no machine needs it': NO_UPLOAD,
      },
      open: async () => ({
        provider: await openPeer(peer, 'peer'),
        image: peer.imageId,
        size: peer.flavorId,
        patienceMs: PATIENCE_MS,
      }),
    })
  })
})

async function openPeer({ cloudsYaml }: OpenStackPeer, cloud: string): Promise<Provider> {
  const read = (path: string): Promise<string> => readFile(path, 'utf8')
  const around = { env: { OS_CLIENT_CONFIG_FILE: cloudsYaml }, readFile: read, cwd: '/', home: homedir() }
  const settings = await readCloud({ cloud }, around)
  return openStackProvider({ name: 'openstack', settings, http: await connectCloud(settings, read) })
}
