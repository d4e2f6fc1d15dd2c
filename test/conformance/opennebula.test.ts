import { createHttpClient } from '../../src/wire/http.ts'
import { openNebulaProvider } from '../../src/providers/opennebula/index.ts'
import { startOpenNebula } from '../opennebula/opennebula.ts'
import { testProvider, type ProviderUnderTest } from './provider.ts'

const NETWORK = {
  name: 'public',
  template: 'GATEWAY="192.0.2.1" DNS="192.0.2.53" NETWORK_ADDRESS="192.0.2.0" NETWORK_MASK="255.255.255.0"',
  range: { first: '192.0.2.100', size: 150 },
}

const BY_THE_SITE = 'networks are made by the site'

/** What of networks cannot hold where nobody makes one by us. */
const SKIP: ProviderUnderTest['skip'] = Object.fromEntries(
  [
    'are found and got once they are created, with their addresses, until they are deleted',
    'are brought down and up, with a machine on them or not',
    'are not deleted while a machine is on them',
  ].map((what) => [`networks: ${what}`, BY_THE_SITE]),
)

for (const who of ['the administrator', 'an account of its own'] as const)
  testProvider({
    name: `opennebula, as ${who}`,
    skip: SKIP,
    open: async () => {
      const closing: (() => unknown)[] = []
      const one = await startOpenNebula({ after: (close) => closing.push(close) })
      one.addUser({ name: 'bellhop', password: 'wonderland' })
      one.addImage({ name: 'debian', mode: '644' })
      one.addNetwork({ ...NETWORK, mode: '644' })
      one.addTemplate({
        name: 'debian',
        mode: '644',
        template:
          'CPU="0.5" VCPU="2" MEMORY="512" DISK=[ IMAGE_ID="0" ] NIC=[ NETWORK_ID="0" ] CONTEXT=[ NETWORK="YES", SSH_PUBLIC_KEY="$USER[SSH_PUBLIC_KEY]" ]',
      })
      one.addTemplate({ name: 'bare', mode: '644', template: 'CPU="1" MEMORY="128"' })
      const session = who === 'the administrator' ? one.session : 'bellhop:wonderland'
      const provider = openNebulaProvider({
        name: 'opennebula',
        credential: { url: one.url, session },
        http: createHttpClient(),
      })
      const close = async (): Promise<void> => {
        for (const each of closing.toReversed()) await each()
      }
      return { provider, close }
    },
  })
