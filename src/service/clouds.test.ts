import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sha256 } from '../model/digest.ts'
import { CloudError, isCloudError } from '../model/errors.ts'
import type { TokenIssuer } from '../providers/provider.ts'
import { cloudAuthenticators } from './clouds.ts'

const ISSUER = 'https://keystone.example.org'
const shown: string[] = []
const tokens: TokenIssuer = {
  issuer: ISSUER,
  caller: async (token) => {
    shown.push(token)
    const [, user] = /^of (\w+)$/.exec(token) ?? []
    if (user === undefined) throw new CloudError('unauthenticated', 'refused')
    const credential = { issuer: ISSUER, token }
    return { subject: `${ISSUER}/${user}`, project: `${ISSUER}/service`, role: 'member', credential }
  },
}

const asked = cloudAuthenticators(
  [
    { provider: 'site', tokenSha256: sha256(Buffer.from('older')) },
    { provider: 'site', tokenSha256: sha256(Buffer.from('newer')) },
    { provider: 'site', serviceUserId: 'nova' },
    { provider: 'other', tokenSha256: sha256(Buffer.from('others')) },
  ],
  new Map([
    ['site', { tokens }],
    ['other', { tokens }],
  ]),
)

test('a cloud is let in with any of its tokens, which its Keystone never sees', async () => {
  const site = asked.get('site') ?? assert.fail()
  assert.ok(await site('older'))
  assert.ok(await site('newer'))
  assert.deepEqual(shown, [])
})

test('a cloud is let in as its own user, and as no other that its Keystone knows', async () => {
  const site = asked.get('site') ?? assert.fail()
  assert.equal((await site('of nova'))?.subject, `${ISSUER}/nova`)
  assert.equal(await site('of alice'), undefined)
  await assert.rejects(site('others'), (error) => isCloudError(error, 'unauthenticated'))
})

test('a cloud without a user of its own has its Keystone not asked', async () => {
  shown.length = 0
  const other = asked.get('other') ?? assert.fail()
  assert.ok(await other('others'))
  assert.equal(await other('of nova'), undefined)
  assert.deepEqual(shown, [])
  assert.deepEqual([...asked.keys()], ['site', 'other'])
})
