import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import { parseContextSh } from '../../src/formats/context-sh.ts'
import { openNebulaProvider, type OpenNebulaOptions } from '../../src/providers/opennebula/index.ts'
import type { CreateRequest, Provider } from '../../src/providers/provider.ts'
import { createHttpClient } from '../../src/wire/http.ts'
import { startOpenNebula, type OpenNebula } from '../opennebula/opennebula.ts'
import { call, CALL_MS, eventually } from './provider-calls.ts'

const TEMPLATE = String.raw`CPU="0.5" VCPU="2" MEMORY="512" LABELS="linux" NIC=[ NETWORK_ID="0", MODEL="virtio" ]
CONTEXT=[ NETWORK="YES", SSH_PUBLIC_KEY="$USER[SSH_PUBLIC_KEY]", SITE="here", PASSWORD="s3cret", FILES_DS="$FILE[IMAGE_ID=\"1\"]" ]`
const ACCOUNT = { name: 'bellhop', password: 'wonderland', template: 'SSH_PUBLIC_KEY="ssh-rsa AAAA site"' }

/** A cloud, and a driver that uses it. */
export interface Rig {
  readonly one: OpenNebula
  readonly provider: Provider
  readonly request: (change?: Partial<CreateRequest['spec']>, more?: Partial<CreateRequest>) => CreateRequest
  /** Makes one, and waits until its guest has its disk. @returns its number */
  readonly made: (change?: Partial<CreateRequest['spec']>, more?: Partial<CreateRequest>) => Promise<number>
  /** What the guest of a VM reads. */
  readonly read: (id: number) => ReadonlyMap<string, string>
}

/** A cloud with a template and two networks, and a driver that uses a plain account. */
export async function openRig(
  t: TestContext,
  options: Partial<OpenNebulaOptions> = {},
  cloud: CloudOptions = {},
): Promise<Rig> {
  const one = await startOpenNebula(t, cloud)
  one.addUser(ACCOUNT)
  one.addImage({ name: 'debian', mode: '644' })
  one.addImage({ name: 'init.sh', type: 5, mode: '644', content: Buffer.from('#!/bin/sh\n') })
  one.addNetwork({
    name: 'public',
    mode: '644',
    template: 'GATEWAY="192.0.2.1" DNS="192.0.2.53" NETWORK_ADDRESS="192.0.2.0" NETWORK_MASK="255.255.255.0"',
    range: { first: '192.0.2.10', size: 200 },
  })
  one.addNetwork({ name: 'private', mode: '644', range: { first: '198.51.100.10', size: 200 } })
  one.addTemplate({ name: 'debian', mode: '644', template: TEMPLATE })
  const provider = openNebulaProvider({
    name: 'one',
    credential: { url: one.url, session: 'bellhop:wonderland' },
    http: createHttpClient({ sleep: () => Promise.resolve() }),
    ...options,
  })
  t.after(() => provider.close?.())
  const [image, size] = [(await provider.images(call()))[0], (await provider.sizes(call())).at(-1)]
  if (!image || !size) assert.fail('there is a template')
  const request: Rig['request'] = (change, more) => ({
    id: randomUUID(),
    image,
    size,
    spec: { publicKeys: [], variables: {}, files: [], labels: {}, ...change },
    plan: { provider: 'one', deliveries: [], warnings: [] },
    offers: [],
    ...more,
  })
  return {
    one,
    provider,
    request,
    made: async (change, more) => {
      const { remoteId } = await provider.create(request(change, more), call())
      await eventually('it runs', CALL_MS, async () => {
        assert.equal((await provider.get(remoteId, call())).state, 'active')
      })
      return Number(remoteId)
    },
    read: (id) => parseContextSh(one.contextOf(id) ?? ''),
  }
}

type CloudOptions = NonNullable<Parameters<typeof startOpenNebula>[1]>

/** OpenNebula's own words for what was asked of VMs. */
export function wordsIn({ calls }: OpenNebula): readonly (string | undefined)[] {
  return calls
    .filter(({ method }) => method === 'one.vm.action')
    .map(({ parameters: [, word] }) => (word?.type === 'string' ? word.value : undefined))
}

/** Waits until it holds. */
export function soon(what: string, holds: () => boolean): Promise<void> {
  return eventually(what, CALL_MS, () => {
    assert.ok(holds(), what)
    return Promise.resolve()
  })
}
