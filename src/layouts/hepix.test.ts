import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import type { Context } from '../model/context.ts'
import { hepix } from './hepix.ts'
import { opennebula } from './opennebula.ts'

const CONTEXT: Context = {
  guestId: '4f8c2b9e-0a51-4a57-9f0e-2f1b7f0c6a11',
  facts: { launchIndex: 0 },
  userData: Buffer.from('[cernvm]\norganisations=alice\n'),
  publicKeys: [],
  variables: {},
  files: [],
}

const read = (files: Readonly<Record<string, string>>) =>
  hepix.read(async (path) => (Object.hasOwn(files, path) ? Buffer.from(files[path] ?? '') : undefined))

describe("HEPiX's disk", () => {
  it('has its scripts and the context, or else the guest would find no user data', () => {
    const { userData: _, ...without } = CONTEXT
    for (const context of [CONTEXT, without])
      assert.deepEqual([...hepix.render(context).keys()], ['context.sh', 'prolog.sh', 'epilog.sh'])
  })

  it("has OpenNebula's context to the byte, so that one disk can be both", () => {
    assert.deepEqual(hepix.render(CONTEXT).get('context.sh'), opennebula.render(CONTEXT).get('context.sh'))
  })

  it('is read as such a guest reads it: no user data under the names of others', async () => {
    const files = {
      'prolog.sh': '',
      'context.sh': "USER_DATA='eA=='\nUSER_DATA_ENCODING='base64'\nSSH_PUBLIC_KEY='k'\n",
    }
    assert.deepEqual(await read(files), { publicKeys: [], variables: {} })
    const said = await read({
      ...files,
      'context.sh': `${files['context.sh']}EC2_USER_DATA='eQ=='\nROOT_PUBKEY='key'\n`,
      key: 'k2\n',
    })
    assert.deepEqual(
      [Buffer.from(said?.userData ?? []).toString(), said?.publicKeys],
      ['y', [{ name: 'key-0', text: 'k2' }]],
    )
  })

  it('says nothing where the one or the other is missing', async () => {
    assert.equal(await read({ 'context.sh': "A='b'\n" }), undefined)
    assert.equal(await read({ 'prolog.sh': '' }), undefined)
  })
})
