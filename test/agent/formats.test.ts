import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { detect, type Detected } from '../../src/formats/index.ts'
import { makeMachine } from './run-agent.ts'

const VECTORS = fileURLToPath(new URL('../../src/formats/testdata/user-data/', import.meta.url))
const NAMES = readdirSync(VECTORS)

/** Whether a part is a script of a kind that the agent runs. */
const isScript = (name: string): boolean => ['script', 'script-per-instance'].includes(name)

/** What `--explain` must say of data, by what our table says of them. */
function mustDo({ name, title, cloudInit, parts = [] }: Detected): {
  readonly scripts: number
  readonly json: boolean
  readonly config: boolean
} {
  if (name !== 'multipart')
    return {
      // Behind a script INI for amiconfig may stand.
      scripts: title.startsWith('script') ? 1 : 0,
      json: name === 'json',
      config: name === 'cloud-config' && cloudInit === 'runs',
    }
  return { scripts: parts.filter(isScript).length, json: false, config: parts.includes('cloud-config') }
}

/** Our table looks into messages in messages, and into archives; the agent does not, and says so. */
const LESS: Readonly<Record<string, RegExp>> = {
  'multipart--nested': /^cannot do: part \d+: a message in a message$/m,
  'multipart--launch-index': /^cannot do: part \d+: it is for one launch index alone$/m,
}

describe('the agent and our table of formats', () => {
  it('agree on every vector that the agent would do something with', async (t) => {
    const machine = makeMachine(t)
    for (const name of NAMES) {
      const bytes = readFileSync(VECTORS + name)
      const must = mustDo(detect(bytes))
      machine.put({ 'cernvm/extra-user-data': bytes })
      const { stdout } = await machine.run('--only', 'injection', '--explain')
      const scripts = stdout.match(/^would run a script/gm)?.length ?? 0
      const where = `${name}: ${stdout}`
      const less = LESS[name]
      if (less) {
        assert.match(stdout, less, where)
        assert.ok(scripts <= must.scripts, where)
        continue
      }
      assert.equal(scripts, must.scripts, where)
      assert.equal(/^would write JSON/m.test(stdout), must.json, where)
      if (/^would do of cloud-config/m.test(stdout)) assert.ok(must.config, where)
    }
  })

  it('agree on which scripts the kernel refuses', async (t) => {
    for (const name of NAMES.filter((each) => each.startsWith('script'))) {
      const machine = makeMachine(t)
      const bytes = readFileSync(VECTORS + name)
      const { remarks } = detect(bytes)
      machine.put({ 'cernvm/extra-user-data': bytes })
      const { stderr } = await machine.run('--only', 'injection')
      const word = machine.words().at(-1)
      const where = `${name}: ${stderr}`
      if (remarks.some((remark) => remark.includes('the kernel will refuse')))
        assert.deepEqual([word?.kind, word?.exitCode], ['failed', 126], where)
      else if (name === 'script--interpreter-missing') assert.equal(word?.kind, 'failed', where)
      else assert.deepEqual([word?.kind, word?.exitCode], ['applied', 0], where)
    }
  })
})
