import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { sha256 } from '../../src/model/digest.ts'
import { need } from '../peers/need.ts'
import { BELLHOP, MEMORY_CONFIG, startGateway } from './gateway.ts'
import { ROOT, run } from './programs.ts'

const EXAMPLES = join(ROOT, 'examples')
/** What a guest takes each example of user data for. */
const USER_DATA: Readonly<Record<string, readonly [format: string, cloudInit: string]>> = {
  'script.sh': ['script', 'runs'],
  'cloud-config.yaml': ['cloud-config', 'runs'],
  'dictionary.json': ['json', 'ignores'],
}
const PROGRAMS = ['multipart.sh', 'occi-create.sh']

const example = (name: string): string => join(EXAMPLES, name)

async function inspect(input: Uint8Array): Promise<Readonly<Record<string, unknown>>> {
  const { code, stdout, stderr } = await run(BELLHOP, ['inspect', '-', '-o', 'json'], { input })
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as Record<string, unknown>
}

it('every example is tried here', async () => {
  const tried = ['README.md', ...Object.keys(USER_DATA), ...PROGRAMS]
  assert.deepEqual((await readdir(EXAMPLES)).toSorted(), tried.toSorted())
})

for (const [name, expected] of Object.entries(USER_DATA))
  it(`${name} is what it says it is`, async () => {
    const { format, cloudInit, remarks } = await inspect(await readFile(example(name)))
    assert.deepEqual([format, cloudInit], expected, String(remarks))
  })

it('script.sh is a script that runs', async () => {
  const { code, stdout } = await run(example('script.sh'), [])
  assert.equal(code, 0)
  assert.match(stdout, /^hello from \S+/)
})

it('multipart.sh makes a message of both, which cloud-init takes', async () => {
  const made = await run(example('multipart.sh'), ['script.sh', 'cloud-config.yaml'].map(example))
  assert.equal(made.code, 0, made.stderr)
  const { format, cloudInit, parts } = await inspect(made.bytes)
  assert.deepEqual([format, cloudInit, parts], ['multipart', 'runs', ['script', 'cloud-config']])
})

it('multipart.sh refuses what it cannot name', async () => {
  const { code, stderr } = await run(example('multipart.sh'), [example('dictionary.json')])
  assert.equal(code, 1)
  assert.match(stderr, /dictionary\.json is neither/)
})

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
