import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import * as fc from 'fast-check'
import { parseContextSh, renderContextSh } from '../../src/formats/context-sh.ts'
import { isVariableName } from '../../src/layouts/context-sh-variables.ts'
import { hepix } from '../../src/layouts/hepix.ts'
import { stratuslabOne } from '../../src/layouts/stratuslab-one.ts'
import { sha256 } from '../../src/model/digest.ts'
import type { Files } from '../../src/model/files.ts'
import { CONTEXT } from './cloud-init/context.ts'
import { need, needRoot } from './need.ts'

type Command = readonly [program: string, ...parameters: readonly string[]]

/** The shells of guests: Debian's, those of most others, and that of uCernVM's and CirrOS's boot. */
const SHELLS = {
  dash: { command: ['dash'], debianPackage: 'dash', base64: 'base64' },
  bash: { command: ['bash'], debianPackage: 'bash', base64: 'base64' },
  busybox: { command: ['busybox', 'sh'], debianPackage: 'busybox', base64: 'busybox base64' },
} as const satisfies Record<string, { command: Command; debianPackage: string; base64: string }>

const RECORDED = new URL('../opennebula/testdata/', import.meta.url)

const folder = mkdtempSync(join(tmpdir(), 'bellhop-context-sh-'))
after(() => rmSync(folder, { recursive: true }))

function run([program, ...parameters]: Command, cwd = folder): Buffer {
  const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C.UTF-8' }
  return execFileSync(program, parameters, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 2 ** 26 })
}

/** Sources `$1`, then prints the variables that are named after it. */
const PRINT = `. "$1"; shift
for bellhop_name; do eval "printf '%s\\0' \\"\\$$bellhop_name\\""; done`

/** What a shell that sources the file then has. */
function sourced(shell: Command, text: string, names: readonly string[]): ReadonlyMap<string, string> {
  const path = join(folder, 'context.sh')
  writeFileSync(path, text)
  const values = run([...shell, '-c', PRINT, 'sh', path, ...names])
    .toString('utf8')
    .split('\0')
  return new Map(names.map((name, index) => [name, values[index] ?? '']))
}

const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/).filter(isVariableName)
const word = fc.constantFrom(
  "'",
  '"',
  '\\',
  '\n',
  '\r',
  '$A',
  '${B}',
  '`A`',
  '$(A)',
  '#',
  ' ',
  '~',
  '*',
  '!',
  '&',
  ';',
  '=',
  '😀',
)
const value = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')),
  fc.array(word, { maxLength: 8 }).map((words) => words.join('')),
)
const variables = fc.array(fc.tuple(name, value), { maxLength: 8 }).map((entries) => new Map(entries))

/** Lines as people and old front ends write them, and all but: where ours takes them, a shell must see the same. */
const piece = fc.constantFrom(
  "'",
  '"',
  '\\',
  '\n',
  ' ',
  '\t',
  '#',
  'a',
  '$',
  '`',
  '=',
  '/',
  ',',
  '\\"',
  '\\$',
  'é',
  ';',
  '~',
  '*',
)
const line = fc.tuple(fc.constantFrom('A=', 'B=', ' A=', '#'), fc.array(piece, { maxLength: 10 }))
const written = fc
  .array(line, { minLength: 1, maxLength: 3 })
  .map((lines) => lines.map(([start, pieces]) => `${start}${pieces.join('')}\n`).join(''))

for (const [shellName, { command, debianPackage, base64 }] of Object.entries(SHELLS))
  describe(`a context.sh, sourced by ${shellName}`, () => {
    it('gives every value that we wrote', (t) => {
      if (!need(t, command[0], debianPackage)) return
      fc.assert(
        fc.property(variables, (variables) => {
          assert.deepEqual(sourced(command, renderContextSh(variables), [...variables.keys()]), variables)
        }),
        { numRuns: 100 },
      )
    })

    it('gives what our reader reads, whoever wrote it', (t) => {
      if (!need(t, command[0], debianPackage)) return
      let taken = 0
      fc.assert(
        fc.property(written, (text) => {
          const read = readOrRefused(text)
          fc.pre(read !== undefined)
          taken++
          assert.deepEqual(sourced(command, text, [...read.keys()]), read)
        }),
        { numRuns: 150, maxSkipsPerRun: 1000 },
      )
      t.diagnostic(`${taken} texts were taken`)
    })

    it("gives what our reader reads of OpenNebula's own files", (t) => {
      if (!need(t, command[0], debianPackage)) return
      const files = readdirSync(RECORDED).filter((file) => file.endsWith('.context.sh') && !file.includes('bad-key'))
      assert.ok(files.length > 0)
      for (const file of files) {
        const text = readFileSync(new URL(file, RECORDED), 'utf8')
        const read = parseContextSh(text)
        assert.deepEqual(sourced(command, text, [...read.keys()]), read, file)
      }
    })

    it('keeps every variable that we let users have, though the shell has one of that name', (t) => {
      if (!need(t, command[0], debianPackage)) return
      const own = namesThatItHas(command)
      assert.ok(own.length > 0)
      for (const name of own.filter(isVariableName)) {
        const variables = new Map([[name, 'a b']])
        assert.deepEqual(sourced(command, renderContextSh(variables), [name]), variables)
      }
    })

    it('gives the very bytes of the user data as HEPiX images and uCernVM take them out of it', (t) => {
      if (!need(t, command[0], debianPackage)) return
      const userData = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 256))
      const root = unpacked(hepix.render({ ...CONTEXT, variables: {}, userData }))
      // Not quoted there, and so not here; HEPiX's ignores what is no base64, uCernVM's does not.
      for (const decode of [`${base64} -d`, ...(shellName === 'busybox' ? [] : [`${base64} -di`])]) {
        const found = run([...command, '-c', `. ./context.sh; echo $EC2_USER_DATA | ${decode}`], root)
        assert.equal(sha256(found), sha256(userData), decode)
      }
    })

    it('goes with scripts that do nothing, sourced or run, before and after', (t) => {
      if (!need(t, command[0], debianPackage)) return
      const root = unpacked(hepix.render({ ...CONTEXT, variables: {} }))
      const sourcing =
        '. ./context.sh; for script in prolog epilog; do . ./$script.sh start; echo "$? $SET_HOSTNAME"; done'
      assert.equal(run([...command, '-c', sourcing], root).toString(), '0 web-1\n0 web-1\n')
      for (const script of ['prolog.sh', 'epilog.sh'])
        assert.equal(run([...command, `./${script}`, 'stop'], root).length, 0)
    })

    it("adds StratusLab's keys once, however often its init.sh runs, and leaves the others", (t) => {
      if (!need(t, command[0], debianPackage) || !needRoot(t)) return
      const own = CONTEXT.publicKeys.map(({ text }) => text)
      const publicKeys = [...CONTEXT.publicKeys, { name: 'hard', text: `${own[0]} -e it's "$HOME" * ` }]
      const root = unpacked(stratuslabOne.render({ ...CONTEXT, variables: {}, publicKeys }))
      const twice = `mount -t tmpfs tmpfs /root && mkdir /root/.ssh && echo "an older one" >/root/.ssh/authorized_keys
        . ./context.sh; . ./init.sh; MOUNT_DIR=$PWD; . ./init.sh; echo late >>/root/.ssh/authorized_keys; cd /; . "$MOUNT_DIR/init.sh"
        cat /root/.ssh/authorized_keys; stat -c %a /root/.ssh /root/.ssh/authorized_keys`
      const said = run(['unshare', '--mount', ...command, '-e', '-c', twice], root).toString()
      const keys = publicKeys.map(({ text }) => text)
      assert.deepEqual(said.split('\n'), ['an older one', ...keys, 'late', '700', '600', ''])
    })
  })

describe('a context.sh, as one-context takes it', () => {
  it('exports every variable, and no value that has lines like variables breaks it', (t) => {
    if (!need(t, 'bash', 'bash')) return
    const variables = new Map([
      ['A', 'one\nUSER_DATA=no\nmy-key=1\nB=no'],
      ['B', "it's"],
      ['USER_DATA', 'aGVsbG8='],
    ])
    const path = join(folder, 'context.sh')
    writeFileSync(path, renderContextSh(variables))
    // What stands before a = at the beginning of any line is exported, after all is sourced.
    const taken = `. "$1"
      export $(grep -oE '^[a-zA-Z_0-9-]+=' "$1" | tr -d =) 2>/dev/null
      env -0`
    const env = new Map(
      run(['bash', '-c', taken, 'sh', path])
        .toString('utf8')
        .split('\0')
        .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
    )
    for (const [name, value] of variables) assert.equal(env.get(name), value, name)
  })
})

function readOrRefused(text: string): ReadonlyMap<string, string> | undefined {
  try {
    return parseContextSh(text)
  } catch {
    return undefined
  }
}

/** The variables that the shell has by itself; bash lists those too that have no value yet. */
function namesThatItHas(shell: Command): readonly string[] {
  const listing = shell[0] === 'bash' ? 'compgen -v' : "set | sed -n 's/^\\([A-Za-z_][A-Za-z0-9_]*\\)=.*/\\1/p'"
  return run([...shell, '-c', listing])
    .toString('utf8')
    .split('\n')
    .filter(Boolean)
}

/** A folder with the files in it. */
function unpacked(files: Files): string {
  const root = mkdtempSync(join(folder, 'disk-'))
  for (const [path, { bytes, mode }] of files) {
    writeFileSync(join(root, path), bytes)
    chmodSync(join(root, path), mode ?? 0o644)
  }
  return root
}
