import assert from 'node:assert/strict'
import { it } from 'node:test'
import { isCloudError } from '../../model/errors.ts'
import type { CloudSettings, TlsPaths } from './clouds-settings.ts'
import { connectCloud } from './connection.ts'

const endpoint = { interface: 'public' } as const

const settings = (tls: TlsPaths): CloudSettings => ({
  name: 'site',
  authUrl: 'http://127.0.0.1:1/v3',
  auth: { method: 'token', token: 't', project: { id: 'p' } },
  endpoints: { compute: endpoint, image: endpoint, network: endpoint, volume: endpoint },
  tls,
})

it('reads the certificates that the settings name, and no others', async () => {
  const read: string[] = []
  const readFile = async (path: string) => {
    read.push(path)
    return 'pem'
  }
  await (await connectCloud(settings({ isVerified: false }), readFile)).close()
  assert.deepEqual(read, [])
  const all = { isVerified: true, caPath: '/ca', certPath: '/cert', keyPath: '/key' }
  await (await connectCloud(settings(all), readFile)).close()
  assert.deepEqual(new Set(read), new Set(['/ca', '/cert', '/key']))
})

it('names the certificate that cannot be read', async () => {
  const readFile = () => Promise.reject(new Error('ENOENT: no such file'))
  await assert.rejects(
    connectCloud(settings({ isVerified: true, caPath: '/ca.pem' }), readFile),
    (error) =>
      isCloudError(error, 'invalid') && error.message === 'cloud "site": ca: cannot read /ca.pem: ENOENT: no such file',
  )
})
