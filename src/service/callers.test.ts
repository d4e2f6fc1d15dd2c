import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CloudError, isCloudError } from '../model/errors.ts'
import type { Caller } from '../model/instance.ts'
import type { TokenIssuer } from '../providers/provider.ts'
import { callerAuthenticator, chooseIssuers } from './callers.ts'

const LOCAL: Caller = { subject: 'local/operator', project: 'local/default', role: 'member' }

/** A Keystone that notes every token that it is shown. */
function keystone(issuer: string, good: string): TokenIssuer & { readonly shown: readonly string[] } {
  const shown: string[] = []
  return {
    issuer,
    shown,
    caller: async (token) => {
      shown.push(token)
      if (token !== good) throw new CloudError('unauthenticated', 'refused')
      return { subject: `${issuer}/u`, project: `${issuer}/p`, role: 'member', credential: { issuer, token } }
    },
  }
}

const red = () => keystone('https://red.example', 'of red')
const blue = () => keystone('https://blue.example', 'of blue')
const own = async (token: string): Promise<Caller | undefined> => (token === 'own' ? LOCAL : undefined)

test('a token is shown to one Keystone: the one that is named, else the one of the challenge', async () => {
  const [a, b] = [red(), blue()]
  const issuers = new Map([
    ['red', a],
    ['blue', b],
  ])
  const authenticate = callerAuthenticator(own, { issuers, challenge: 'red' })
  assert.equal((await authenticate('of red'))?.project, 'https://red.example/p')
  assert.equal((await authenticate('of blue', 'blue'))?.project, 'https://blue.example/p')
  await assert.rejects(authenticate('of blue'), (error) => isCloudError(error, 'unauthenticated'))
  await assert.rejects(authenticate('of blue', 'anyone'), (error) => isCloudError(error, 'unauthenticated'))
  assert.deepEqual([a.shown, b.shown], [['of red', 'of blue', 'of blue'], ['of blue']])
})

test('the configuration’s own tokens are shown to none', async () => {
  const a = red()
  const authenticate = callerAuthenticator(own, { issuers: new Map([['red', a]]), challenge: 'red' })
  assert.deepEqual(await authenticate('own', 'red'), LOCAL)
  assert.deepEqual(a.shown, [])
})

test('without a Keystone to ask first, a token that names none is nobody’s', async () => {
  const a = red()
  const authenticate = callerAuthenticator(own, { issuers: new Map([['red', a]]) })
  assert.equal(await authenticate('of red'), undefined)
  assert.ok(await authenticate('of red', 'red'))
})

test('Keystones are those of providers with their callers’ rights, and the one of the challenge', () => {
  const [a, b] = [red(), blue()]
  const all = new Map<string, Parameters<typeof chooseIssuers>[0] extends ReadonlyMap<string, infer P> ? P : never>([
    ['red', { tokens: a, capabilities: { rights: 'caller' } }],
    ['blue', { tokens: b, capabilities: {} }],
    ['qemu', { capabilities: {} }],
  ])
  const alone = chooseIssuers(all, undefined)
  assert.deepEqual([[...alone.issuers.keys()], alone.challenge], [['red'], 'red'])
  const both = chooseIssuers(all, 'blue')
  assert.deepEqual([[...both.issuers.keys()], both.challenge], [['red', 'blue'], 'blue'])
  assert.equal(chooseIssuers(new Map([['qemu', { capabilities: {} }]]), undefined).challenge, undefined)
  for (const wrong of ['qemu', 'nosuch'])
    assert.throws(
      () => chooseIssuers(all, wrong),
      (error) => isCloudError(error, 'invalid') && /auth\.challenge/.test(error.message),
    )
})
