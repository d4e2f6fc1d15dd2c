import { openRig } from './synnefo-rig.ts'
import { testProvider, type ProviderUnderTest } from './provider.ts'

const AT_THE_SITE = 'networks are made at the site, and servers are put on them when they are made'

/** What of networks cannot hold where nobody makes one by us, nor plugs a card. */
const SKIP: ProviderUnderTest['skip'] = Object.fromEntries(
  [
    'are found and got once they are created, with their addresses, until they are deleted',
    'with unknown ids are not found, and deleting or detaching them is no error',
    'are brought down and up, with a machine on them or not',
    'are not deleted while a machine is on them',
    'give a new machine cards that are told apart, with the MAC that was wished for',
    'come and go with a machine, running or stopped, once however often it is asked',
  ].map((what) => [`networks: ${what}`, AT_THE_SITE]),
)

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
