import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { sampleSpec } from '../../test/conformance/store-samples.ts'
import { ALICE } from '../../test/e2e/asking.ts'
import { openService } from '../../test/e2e/service.ts'
import { createApiServer } from '../frontends/fastify.ts'
import { createGuard } from '../frontends/guard.ts'
import { restFrontend } from '../frontends/rest/index.ts'
import { isCloudError } from '../model/errors.ts'
import { openApiClient } from './api-client.ts'
import { instanceId, shortIds } from './which-instance.ts'
import pino from 'pino'

/** A client of instances with these ids, and with the names behind the `=`. */
async function clientOf(t: TestContext, ...instances: readonly string[]) {
  const { service, close } = await openService()
  t.after(close)
  for (const [id = '', name = ''] of instances.map((each) => each.split('=')))
    await service.create({ id, spec: sampleSpec({ name }) }, ALICE)
  const rest = restFrontend({ service })
  const guard = createGuard({ authenticate: async () => ALICE })
  const log = pino({ level: 'silent' })
  const server = createApiServer({ publicUrl: 'http://localhost', guard, root: rest, product: 'bellhop/test', log })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  t.after(() => server.close())
  return await openApiClient(`http://127.0.0.1:${port}`, { BELLHOP_TOKEN: 'x' })
}

const ONE = 'aaaaaaaa-0000-4000-8000-000000000001'
const TWO = 'aaaaaaaa-0000-4000-8000-000000000002'
const THREE = 'bbbbbbbb-0000-4000-8000-000000000003'

test('an instance is found by its id, a beginning of it that no other has, or its name', async (t) => {
  const client = await clientOf(t, `${ONE}=web`, `${TWO}=db`, `${THREE}=aaaaaaaa`)
  for (const [given, id] of [
    [ONE, ONE],
    [ONE.toUpperCase(), ONE],
    [TWO.slice(0, -1) + '2', TWO],
    ['b', THREE],
    ['web', ONE],
    // A name outranks the beginning of an id.
    ['aaaaaaaa', THREE],
  ] as const)
    assert.equal(await instanceId(client, given), id, given)
})

test('what nobody is called, and what several are, is refused', async (t) => {
  const client = await clientOf(t, `${ONE}=web`, `${TWO}=web`)
  for (const given of ['nosuch', '', 'WEB', 'c'])
    await assert.rejects(instanceId(client, given), (error) => isCloudError(error, 'not-found'), given)
  for (const given of ['web', 'aaaa'])
    await assert.rejects(
      instanceId(client, given),
      (error) => isCloudError(error, 'conflict') && error.message.includes(`${ONE}, ${TWO}`),
    )
})

test('short ids are as long as they must be, and no shorter than eight', () => {
  assert.deepEqual(shortIds([THREE, ONE]), ['bbbbbbbb', 'aaaaaaaa'])
  assert.deepEqual(shortIds([ONE, THREE, TWO]), [ONE, THREE, TWO])
  assert.deepEqual(shortIds([]), [])
})
