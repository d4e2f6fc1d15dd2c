import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { isCloudError } from '../../model/errors.ts'
import type { Surroundings } from './clouds-files.ts'
import { readCloud } from './clouds.ts'

describe('what openstacksdk made of', () => {
  interface Case {
    readonly file: object
    readonly env: Surroundings['env']
    readonly cloud?: string
    readonly region?: string
    readonly says: { readonly refused: string } | Said
  }
  interface Said {
    readonly auth: Readonly<Record<string, string>>
    readonly region?: string
    readonly iface: string
    readonly verify: boolean | string
    readonly name: string
    readonly over?: string
    readonly timeout?: number
  }
  const cases = JSON.parse(readFileSync(new URL('testdata/clouds-sdk.json', import.meta.url), 'utf8')) as Case[]

  /** A user or project, with the parts that count where its id is known or not. */
  const refOf = (auth: Said['auth'], kind: 'user' | 'project', name: string) => {
    const [id, domainId] = [auth[`${kind}_id`], auth[`${kind}_domain_id`]]
    if (id !== undefined) return { id }
    const domain = domainId === undefined ? { name: auth[`${kind}_domain_name`] } : { id: domainId }
    return { name: auth[name], domain }
  }

  for (const [index, { file, env, says, ...wanted }] of cases.entries())
    it(`case ${index}, is made of it`, async () => {
      const around = {
        env,
        cwd: '/desk',
        home: '/home/alice',
        readFile: async (path: string) => {
          if (path === '/desk/clouds.yaml') return JSON.stringify(file)
          throw Object.assign(new Error(path), { code: 'ENOENT' })
        },
      }
      if ('refused' in says) {
        await assert.rejects(
          readCloud(wanted, around),
          (error) => isCloudError(error, 'invalid') && error.message.includes('has no region'),
        )
        return
      }
      const settings = await readCloud(wanted, around)
      const { auth, iface, over, timeout, verify } = says
      assert.deepEqual(settings, {
        name: says.name,
        authUrl: auth['auth_url'],
        auth: {
          method: 'password',
          user: refOf(auth, 'user', 'username'),
          password: auth['password'],
          project: refOf(auth, 'project', 'project_name'),
        },
        ...(says.region ? { region: says.region } : {}),
        endpoints: {
          ...settings.endpoints,
          compute: { interface: iface, ...(over === undefined ? {} : { override: over }) },
        },
        tls: { isVerified: verify !== false, ...(typeof verify === 'string' ? { caPath: verify } : {}) },
        ...(timeout === undefined ? {} : { requestTimeoutMs: timeout * 1000 }),
      })
    })
})
