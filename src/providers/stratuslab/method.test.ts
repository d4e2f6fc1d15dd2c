import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { readdir, readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { detect } from '../../formats/index.ts'
import { isCloudError } from '../../model/errors.ts'
import type { Plan } from '../../model/plan.ts'
import { optionsWith } from './capabilities.ts'
import { methodFor, type ContextMethod, type MethodRules } from './method.ts'

const ONE: MethodRules = { defaultContextMethod: 'one' }
const CLOUD_INIT: MethodRules = { defaultContextMethod: 'cloud-init' }

function chosen(
  text: string | Uint8Array | undefined,
  rules = ONE,
  more: { userDataFormat?: string; variables?: Record<string, string> } = {},
): ContextMethod {
  const userData = typeof text === 'string' ? Buffer.from(text) : text
  return methodFor({ spec: { variables: {}, ...more, ...(userData ? { userData } : {}) }, plan: planOf() }, rules)
}

function planOf(...layouts: readonly string[]): Plan {
  const disk = { method: 'disk', by: 'provider', layouts, why: '', evidence: [] } as const
  return { provider: 'lab', deliveries: layouts.length > 0 ? [disk] : [], warnings: [] }
}

describe("StratusLab's two methods", () => {
  it('are chosen by what user data are', () => {
    for (const rules of [ONE, CLOUD_INIT]) {
      for (const text of [
        '#!/bin/sh\n',
        '#cloud-config\n{}\n',
        'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x--\n',
        '#include\nhttp://a.example\n',
        '{"a": 1}',
      ])
        assert.equal(chosen(text, rules), 'cloud-init', text)
      for (const text of ['[amiconfig]\nplugins=cernvm\n', '#!/bin/sh\nexit\n[cernvm]\nusers=a:b:c\n', "A='b'\n"])
        assert.equal(chosen(text, rules), 'one', text)
    }
  })

  it('are the usual one where data do not tell, or there are none', () => {
    for (const text of ['hello\n', '', undefined]) {
      assert.equal(chosen(text, ONE), 'one')
      assert.equal(chosen(text, CLOUD_INIT), 'cloud-init')
    }
  })

  it('are the one that can carry what there is', () => {
    assert.equal(chosen(Buffer.from([0xc0, 0]), CLOUD_INIT), 'one')
    assert.equal(chosen('hello\n', CLOUD_INIT, { variables: { A: 'b' } }), 'one')
    const refused = (run: () => ContextMethod) => assert.throws(run, (error) => isCloudError(error, 'unsupported'))
    refused(() => chosen('#!/bin/sh\n', ONE, { variables: { A: 'b' } }))
    refused(() => chosen(gzipSync('#!/bin/sh\n')))
  })

  it('are chosen by what the user calls his data, before what they look like', () => {
    assert.equal(chosen('#!/bin/sh\n', ONE, { userDataFormat: 'hepix' }), 'one')
    assert.equal(chosen('hello\n', ONE, { userDataFormat: 'text/cloud-config' }), 'cloud-init')
    assert.equal(chosen('hello\n', ONE, { userDataFormat: 'words of his own' }), 'one')
  })

  it('are the one that the plan names, whatever the data are; of a plan that names both, the one that they are for', () => {
    const spec = { variables: {}, userData: Buffer.from('#!/bin/sh\n') }
    assert.equal(methodFor({ spec, plan: planOf('stratuslab-one') }, CLOUD_INIT), 'one')
    assert.equal(methodFor({ spec, plan: planOf('stratuslab') }, ONE), 'cloud-init')
    assert.equal(methodFor({ spec, plan: planOf('stratuslab-one', 'stratuslab') }, ONE), 'cloud-init')
  })

  it('are chosen by every format that a guest may know, but for those that nobody reads', async () => {
    const FOR_NOBODY = new Set(['text', 'binary', 'empty', 'powershell', 'batch'])
    const folder = new URL('../../formats/testdata/user-data/', import.meta.url)
    for (const file of await readdir(folder)) {
      const userData = await readFile(new URL(file, folder))
      const { name } = detect(userData)
      const known = optionsWith(ONE).filter(({ formats }) => formats.includes(name))
      assert.equal(known.length, FOR_NOBODY.has(name) ? 0 : 1, `${file}: ${name}`)
    }
  })

  it('are the one that the site has set, whatever the data are', () => {
    assert.equal(chosen('#!/bin/sh\n', { ...ONE, contextMethod: 'one' }), 'one')
    assert.equal(chosen('[amiconfig]\n', { ...ONE, contextMethod: 'cloud-init' }), 'cloud-init')
    assert.throws(() => chosen(Buffer.from([0xff]), { ...ONE, contextMethod: 'cloud-init' }), /no UTF-8 text/)
  })
})
