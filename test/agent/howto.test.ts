import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { it } from 'node:test'
import { AGENT } from './run-agent.ts'

const PAGE = new URL('../../docs/howto/agent.md', import.meta.url)

it('what the how-to has a reader try prints what the page says', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bellhop-agent-howto-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const blocks = [...readFileSync(PAGE, 'utf8').matchAll(/^```sh\n([^]*?)^```$\n\n```text\n([^]*?)\n```$/gm)]
  assert.equal(blocks.length, 2)
  const env = { PATH: [dirname(AGENT), process.env['PATH']].join(delimiter) }
  for (const [, code = '', prints = ''] of blocks) {
    const printed = execFileSync('sh', ['-euc', code], { cwd: folder, env, encoding: 'utf8' })
    const lines = prints
      .split('\n')
      .map((line) => line.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`).replaceAll('…', '.*'))
    assert.match(printed.trimEnd(), new RegExp(`^${lines.join('\n')}$`))
  }
})
