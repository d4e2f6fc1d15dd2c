import { createHttpClient } from '../../src/wire/http.ts'
import { stratusLabProvider } from '../../src/providers/stratuslab/index.ts'
import { readStratusLab } from '../../src/providers/stratuslab/settings.ts'
import { PROXY_PASSWORD, startOneProxy } from '../opennebula/one-proxy.ts'
import { startOpenNebula } from '../opennebula/opennebula.ts'
import { testProvider, type ProviderUnderTest } from './provider.ts'

const BY_THE_SITE = 'networks are made by the site, and VMs are put on them when they are made'

/** What of networks cannot hold where nobody makes one by us, nor plugs a card. */
const SKIP: ProviderUnderTest['skip'] = Object.fromEntries(
  [
    'are found and got once they are created, with their addresses, until they are deleted',
    'are brought down and up, with a machine on them or not',
    'are not deleted while a machine is on them',
    'come and go with a machine, running or stopped, once however often it is asked',
  ].map((what) => [`networks: ${what}`, BY_THE_SITE]),
)

testProvider({
  name: 'stratuslab',
  skip: SKIP,
  open: async () => {
    const closing: (() => unknown)[] = []
    const t = { after: (close: () => unknown) => void closing.push(close) }
    const one = await startOpenNebula(t, { version: '3.2' })
    one.addUser({ name: 'jane', password: PROXY_PASSWORD })
    one.addNetwork({
      name: 'public',
      mode: '644',
      template: 'GATEWAY="192.0.2.1" NETWORK_ADDRESS="192.0.2.0" NETWORK_MASK="255.255.255.0"',
      range: { first: '192.0.2.100', size: 150 },
    })
    const proxy = await startOneProxy(t, one, { users: { jane: 'secret' } })
    const settings = await readStratusLab(
      { endpoint: proxy.url, username: 'jane', passwordFile: 'password' },
      { env: {}, readFile: (path) => (path === 'password' ? Promise.resolve('secret\n') : missing()), home: '/home' },
    )
    const provider = stratusLabProvider({
      name: 'stratuslab',
      settings,
      http: createHttpClient(),
      images: [{ id: 'BN1EEkPiBx87_uLj2-sdybSI-Xb' }, { id: 'OMd8M7ixG3toGqm8C1MhUphMJWF', title: 'Debian 7' }],
    })
    const close = async (): Promise<void> => {
      for (const each of closing.toReversed()) await each()
    }
    return { provider, close }
  },
})

function missing(): Promise<never> {
  return Promise.reject(Object.assign(new Error('no such file'), { code: 'ENOENT' }))
}
