import { openRig } from './synnefo-rig.ts'
import { testProvider, type ProviderUnderTest } from './provider.ts'

const AT_THE_SITE = 'networks are made at the site'
const WITH_THE_SERVER = 'servers are put on networks when they are made, and stay there'

/** What of networks cannot hold where nobody makes one by us, nor plugs a card. */
const SKIP: ProviderUnderTest['skip'] = {
  'networks: are found and got once they are created, with their addresses, until they are deleted': AT_THE_SITE,
  'networks: are brought down and up, with a machine on them or not': AT_THE_SITE,
  'networks: are not deleted while a machine is on them': AT_THE_SITE,
  'networks: come and go with a machine, running or stopped, once however often it is asked': WITH_THE_SERVER,
}

for (const version of ['0.16', '0.20'] as const)
  testProvider({
    name: `synnefo ${version}`,
    skip: SKIP,
    open: async () => {
      const closing: (() => Promise<void>)[] = []
      const { provider } = await openRig({ after: (close) => closing.push(close) }, { version })
      // The suite ends the provider itself; it stands last.
      return { provider, close: async () => await closing[0]?.() }
    },
  })
