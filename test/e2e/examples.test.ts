import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { BELLHOP } from './gateway.ts'
import { ROOT, run } from './programs.ts'

const EXAMPLES = join(ROOT, 'examples')
/** What a guest takes each example of user data for. */
const USER_DATA: Readonly<Record<string, readonly [format: string, cloudInit: string]>> = {
  'script.sh': ['script', 'runs'],
  'cloud-config.yaml': ['cloud-config', 'runs'],
  'dictionary.json': ['json', 'ignores'],
}
/** Those that speak OCCI need curl, so they are tried among the peers. */
const PROGRAMS = ['multipart.sh', 'occi-create.sh', 'occi-volume-and-network.sh']

const example = (name: string): string => join(EXAMPLES, name)

async function inspect(input: Uint8Array): Promise<Readonly<Record<string, unknown>>> {
  const { code, stdout, stderr } = await run(BELLHOP, ['inspect', '-', '-o', 'json'], { input })
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as Record<string, unknown>
}

it('every example is tried', async () => {
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
