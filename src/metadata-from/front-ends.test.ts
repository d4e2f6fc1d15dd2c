import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCloudError } from '../model/errors.ts'
import { openRecords, type FrontEndSettings } from './front-ends.ts'

const around = {
  env: {},
  home: '/home',
  readFile: () => Promise.reject(Object.assign(new Error('no such file'), { code: 'ENOENT' })),
}

async function refusal(settings: FrontEndSettings): Promise<string> {
  const error = await openRecords(settings, around, () => {}).then(
    () => assert.fail('was taken'),
    (error: unknown) => error,
  )
  assert.ok(isCloudError(error, 'invalid'), String(error))
  return error.message
}

describe('a front end', () => {
  it('takes no setting of another kind', async () => {
    const endpoint = 'https://cloud.example.org/xmlrpc'
    for (const key of ['userConfigFile', 'cloud', 'username', 'passwordFile', 'certificateFile', 'keyFile'])
      assert.match(await refusal({ name: 'a', driver: 'opennebula', endpoint, [key]: 'x' }), new RegExp(`^a: ${key} `))
    for (const more of [{ authFile: 'x' }, { addressesFrom: 'leases' }] as const)
      assert.match(
        await refusal({ name: 'b', driver: 'stratuslab', endpoint, ...more }),
        new RegExp(`^b: ${Object.keys(more)[0]} `),
      )
  })

  it('says what is missing to reach it', async () => {
    assert.match(await refusal({ name: 'a', driver: 'opennebula' }), /no credential for OpenNebula/)
    assert.match(await refusal({ name: 'b', driver: 'stratuslab' }), /endpoint: nobody says where StratusLab is/)
  })

  it('that is down is opened all the same', async () => {
    const readFile = () => Promise.resolve('jane:secret\n')
    const settings = {
      name: 'a',
      driver: 'opennebula',
      endpoint: 'http://127.0.0.1:1/RPC2',
      authFile: '/auth',
    } as const
    const { close } = await openRecords(settings, { ...around, readFile }, () => {})
    await close()
  })
})
