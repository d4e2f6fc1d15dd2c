import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { sha256 } from '../../src/model/digest.ts'
import { MEMORY_CONFIG, startGateway } from '../e2e/gateway.ts'
import { ROOT, run } from '../e2e/programs.ts'
import { need } from './need.ts'

const example = (name: string): string => join(ROOT, 'examples', name)

it('occi-create.sh makes a machine with exactly its file, and says where the data are', async (t) => {
  if (!need(t, 'curl', 'curl')) return
  const gateway = await startGateway(t, { config: MEMORY_CONFIG })
  const script = example('script.sh')
  const given = { BELLHOP_URL: gateway.url, BELLHOP_TOKEN: gateway.token }
  const made = await run(example('occi-create.sh'), [script], { env: { ...process.env, ...given } })
  assert.equal(made.code, 0, made.stderr)
  const [machine, ...attributes] = made.stdout.trimEnd().split('\n')
  assert.match(machine ?? '', new RegExp(`^${gateway.url}/compute/[0-9a-f-]{36}$`))
  assert.ok(attributes.includes(`bellhop.userdata.sha256="${sha256(await readFile(script))}"`), made.stdout)
  assert.ok(attributes.includes('bellhop.delivery.state="offered"'), made.stdout)

  // Without BELLHOP_TOKEN it takes the one that the gateway wrote.
  const env = { ...process.env, BELLHOP_URL: gateway.url, XDG_STATE_HOME: gateway.folder, BELLHOP_TOKEN: '' }
  assert.equal((await run(example('occi-create.sh'), [script], { env })).code, 0)

  const wrong = { ...process.env, ...given, BELLHOP_TOKEN: 'wrong' }
  const refused = await run(example('occi-create.sh'), [script], { env: wrong })
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /401/)
})

it('occi-volume-and-network.sh makes a machine with both, and says what can be deleted in which order', async (t) => {
  if (!need(t, 'curl', 'curl')) return
  const gateway = await startGateway(t, { config: MEMORY_CONFIG })
  const env = { ...process.env, BELLHOP_URL: gateway.url, BELLHOP_TOKEN: gateway.token }
  const made = await run(example('occi-volume-and-network.sh'), [example('script.sh')], { env })
  assert.equal(made.code, 0, made.stderr)
  const lines = made.stdout.trimEnd().split('\n')
  const urls = lines.slice(0, 3)
  assert.deepEqual(
    urls.map((url) => new URL(url).pathname.split('/')[1]),
    ['compute', 'storage', 'network'],
  )
  assert.deepEqual(
    new Set(lines.slice(3)),
    new Set(['occi.networkinterface.address="192.0.2.1"', 'occi.storagelink.deviceid="vdb"']),
  )
  for (const url of urls) assert.equal((await gateway.ask(url, { method: 'DELETE' })).status, 200)

  const refused = await run(example('occi-volume-and-network.sh'), [example('script.sh')], {
    env: { ...env, BELLHOP_TOKEN: 'wrong' },
  })
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /network: .*credential is not known/)
})
