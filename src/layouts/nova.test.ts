import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import type { Context } from '../model/context.ts'
import { listing, type Files } from '../model/files.ts'
import { ec2Drive } from './ec2-drive.ts'
import { ec2 } from './ec2.ts'
import type { Layout } from './layout.ts'
import { openstack, openstackDrive } from './openstack.ts'

/** What Nova told one guest; see testdata/README.md. */
interface Recorded {
  readonly context: Context
  /** By the path asked for. */
  readonly answers: Readonly<Record<string, string>>
}

/** Where we differ from Nova on purpose: what is to be made of its answer before it is compared, and why. */
interface Deviation {
  readonly path: RegExp
  readonly because: string
  readonly inOurs: (nova: string) => string | undefined
}

const SERVED: readonly Deviation[] = [
  {
    path: /^\/latest$/,
    because: 'images that think themselves at Amazon ask for their identity document until they get it',
    inOurs: (nova) => `dynamic/\n${nova}`,
  },
]

const ON_DISK: readonly Deviation[] = [
  {
    path: /^\/(?:openstack|ec2)\/\d{4}-\d\d-\d\d\//,
    because: 'readers take the newest version: a disk holds the user data once, not eleven times',
    inOurs: () => undefined,
  },
  {
    path: /\/meta_data\.json$/,
    because: 'we make no administrator password',
    inOurs: (nova) => nova.replace(/"admin_pass": "[^"]*", /, ''),
  },
]

/** 512 bytes in base64, which Nova draws anew at each request. */
const RANDOM_SEED = /"random_seed": "[A-Za-z0-9+/]{683}="/

describe("Nova's metadata service, path by path", () => {
  for (const server of ['server', 'bare'])
    for (const [path, body] of Object.entries(answersOf(server)))
      it(`answers a guest as Nova does: ${server} ${path}`, () => {
        const expected = expectedOf(path, body, SERVED)
        const answer = [ec2, openstack]
          .map((layout) => served(layout, recordedOf(server), path))
          .find((each) => each !== undefined)
        assert.equal(comparable(answer), comparable(expected))
      })

  it('is understood: we read back what Nova was told', async () => {
    const { context, answers } = recordedOf('server')
    // Of the older versions not all answers were recorded.
    const read = await openstack.read(async (path) =>
      bytesOf(path.includes('/latest/') ? answers[`/${path}`] : undefined),
    )
    assert.equal(read?.guestId, context.guestId)
    assert.equal(read.hostname, context.hostname)
    assert.deepEqual(read.publicKeys, context.publicKeys)
    assert.deepEqual(read.variables, context.variables)
    assert.deepEqual(read.network, context.network)
  })
})

describe("Nova's config drive, path by path", () => {
  const { context, answers } = recordedOf('drive')
  const drive = new Map([...openstackDrive.render(context), ...ec2Drive.render(context)])

  for (const [path, body] of Object.entries(answers))
    it(`has what Nova writes: ${path}`, () => {
      const entry = drive.get(path.slice(1))
      assert.equal(comparable(entry && textOf(entry.bytes)), comparable(expectedOf(path, body, ON_DISK)))
    })

  it('has nothing more', () => {
    const paths = [...drive.keys()].filter((path) => !path.endsWith('/'))
    assert.deepEqual(
      paths.filter((path) => answers[`/${path}`] === undefined),
      [],
    )
  })

  it('is the same in every version as our metadata server has it', () => {
    const files = openstack.render(context)
    const dated = Object.entries(answers).filter(([path]) => /^\/openstack\/\d{4}/.test(path))
    assert.equal(dated.length, 35)
    for (const [path, body] of dated) {
      const { bytes = Buffer.alloc(0) } = files.get(path.slice(1)) ?? {}
      assert.equal(comparable(textOf(bytes)), comparable(body.replace(/"admin_pass": "[^"]*", /, '')), path)
    }
  })

  it('is understood: we read back what Nova was told', async () => {
    const get = async (path: string): Promise<Uint8Array | undefined> => bytesOf(answers[`/${path}`])
    const { facts, ...read } = (await openstackDrive.read(get)) ?? {}
    const { facts: toldFacts, ...told } = context
    assert.deepEqual(plain(read), plain(told))
    assert.equal(facts?.projectId, toldFacts.projectId)
    const { facts: ec2Facts, publicKeys } = (await ec2Drive.read(get)) ?? {}
    assert.deepEqual(ec2Facts?.ec2, toldFacts.ec2)
    assert.deepEqual(ec2Facts?.securityGroups, toldFacts.securityGroups)
    assert.deepEqual(publicKeys, told.publicKeys)
  })
})

function recordedOf(name: string): Recorded {
  const url = new URL(`./testdata/nova/${name}.json`, import.meta.url)
  const { context, answers } = JSON.parse(readFileSync(url, 'utf8')) as {
    context: Omit<Context, 'userData' | 'files'> & {
      userData?: string
      files: readonly { path: string; bytes: string }[]
    }
    answers: Recorded['answers']
  }
  const { userData, files, ...rest } = context
  return {
    context: {
      ...rest,
      ...(userData === undefined ? {} : { userData: Buffer.from(userData) }),
      files: files.map(({ path, bytes }) => ({ path, bytes: Buffer.from(bytes) })),
    },
    answers,
  }
}

function answersOf(name: string): Recorded['answers'] {
  return recordedOf(name).answers
}

function expectedOf(path: string, body: string, deviations: readonly Deviation[]): string | undefined {
  let expected: string | undefined = body
  for (const { path: where, inOurs } of deviations) if (where.test(path)) expected = expected && inOurs(expected)
  return expected
}

/** What a metadata server answers from this layout's tree. */
function served(layout: Layout, { context }: Recorded, path: string): string | undefined {
  const files: Files = layout.render(context)
  const meant = layout.canonical?.(path.replaceAll(/^\/|\/$/g, ''))
  const bytes = meant === undefined ? undefined : (files.get(meant)?.bytes ?? listing(files, meant))
  return bytes && textOf(bytes)
}

function comparable(text: string | undefined): string | undefined {
  return text?.replace(RANDOM_SEED, '"random_seed": "…"')
}

function bytesOf(text: string | undefined): Uint8Array | undefined {
  return text === undefined ? undefined : Buffer.from(text)
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8')
}

/** Bytes as text. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, each: unknown) => (each instanceof Uint8Array ? textOf(each) : each)))
}
