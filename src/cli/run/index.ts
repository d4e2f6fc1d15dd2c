import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Command, Option } from 'commander'
import { variablesOf } from '../../formats/variables.ts'
import { USER_DATA_MAX_BYTES } from '../../model/context.ts'
import { CloudError } from '../../model/errors.ts'
import type { Caller, Instance, InstanceSpec } from '../../model/instance.ts'
import { checkHostname, readInput, readPublicKeys } from '../input.ts'
import { print, printJson, sizeText, talk, toMs } from '../output.ts'
import { follow, type Followed } from './follow.ts'

/** What `bellhop run` is told. */
interface RunOptions {
  readonly userData: string
  readonly variablesFromUserData?: boolean
  readonly sshKey?: string
  readonly hostname?: string
  readonly by?: 'metadata' | 'disk' | 'injection'
  /** `false` with `--no-tracking`. */
  readonly tracking?: boolean
  readonly timeout: string
  readonly verbose?: boolean
  readonly output: 'text' | 'json'
}

/** `bellhop run`: one machine, to see whether it takes its data. */
export function runCommand(): Command {
  return new Command('run')
    .description('boot a machine with your data in QEMU, and watch the data arrive')
    .argument(
      '[image]',
      'a disk image (qcow2, raw), or a folder with kernel, initrd and cmdline (default: the demo guest)',
    )
    .requiredOption('--user-data <file>', 'the data for the guest; - is standard input')
    .option('--variables-from-user-data', 'the data are a JSON dictionary: its members are variables too')
    .option('--ssh-key <file>', 'public keys for the guest (.pub or authorized_keys)')
    .option('--hostname <name>', 'the guest’s name')
    .addOption(
      new Option('--by <way>', 'one way only (default: every way that leaves the image as it is)').choices([
        'metadata',
        'disk',
        'injection',
      ]),
    )
    .option('--no-tracking', 'tell the guest nothing of ours: it then reports nothing')
    .option('--timeout <duration>', 'how long to wait for the guest (90s, 5m)', '120s')
    .option('-v, --verbose', 'show the console as well')
    .addOption(new Option('-o, --output <format>', 'what stdout has').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      `
Examples:
  $ bellhop run --user-data hello.sh
  $ bellhop run debian.qcow2 --user-data site.yaml --timeout 5m -v
  $ bellhop run --user-data hello.sh --by disk -o json | jq -r .exitReason

Ends with 0 when the guest applied the data (it says so itself, or its cloud-init does), or, where an image cannot say,
when it fetched them; with 7 at the time-out, saying how far it came; with 8 when the guest reported failure.
The machine and all that was made for it are removed at the end.`,
    )
    .action(run)
}

/** Nobody else uses this Bellhop. */
const CALLER: Caller = { subject: 'local/operator', project: 'local/run', role: 'member' }

async function run(image: string | undefined, options: RunOptions): Promise<void> {
  const timeoutMs = toMs(options.timeout)
  const spec = await toSpec(options)
  const source = await sourceOf(image)
  const stop = new AbortController()
  const interrupt = (): void => stop.abort()
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  const stateDir = await mkdtemp(join(tmpdir(), 'bellhop-run-'))
  try {
    const followed = await bootAndFollow(source, spec, { stateDir, timeoutMs, options, stop: stop.signal })
    report(followed, options)
    process.exitCode = followed.outcome.exitCode
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
    await rm(stateDir, { recursive: true, force: true })
  }
}

interface RunSurroundings {
  readonly stateDir: string
  readonly timeoutMs: number
  readonly options: RunOptions
  readonly stop: AbortSignal
}

async function bootAndFollow(source: Source, spec: InstanceSpec, around: RunSurroundings): Promise<Followed> {
  const { stateDir, timeoutMs, options, stop } = around
  const [{ openBellhop }, { default: pino }] = await Promise.all([import('../../bellhop.ts'), import('pino')])
  const bellhop = await openBellhop(
    {
      server: { userDataMaxBytes: USER_DATA_MAX_BYTES },
      metadata: { enabled: (options.by ?? 'metadata') === 'metadata', listen: { host: '127.0.0.1', port: 0 } },
      store: { sqlite: ':memory:' },
      providers: { qemu: { driver: 'qemu', images: [source], sizes: [SIZE] } },
      stateDir,
    },
    pino({ level: 'silent' }),
  )
  try {
    const instance = await bellhop.service.create({ spec }, CALLER)
    introduce(instance)
    try {
      return await follow(bellhop.service, instance, CALLER, {
        timeoutMs,
        stop,
        // With -o json, stdout is for the document alone.
        onStage: options.output === 'json' ? talk : print,
        isVerbose: options.verbose ?? false,
        onConsole: talk,
      })
    } finally {
      await bellhop.service.delete(instance.id, CALLER)
    }
  } finally {
    await bellhop.close()
  }
}

/** Enough for a distribution's cloud image; pages that a guest does not touch cost nothing. */
const SIZE = { id: 'run', cores: 2, memoryMiB: 1024 } as const

async function toSpec({ sshKey, hostname, by, tracking, ...options }: RunOptions): Promise<InstanceSpec> {
  checkHostname(hostname)
  const userData = await readInput(options.userData, '--user-data')
  return {
    name: hostname ?? 'run',
    ...(hostname === undefined ? {} : { hostname }),
    userData,
    publicKeys: sshKey === undefined ? [] : await readPublicKeys(sshKey),
    variables: options.variablesFromUserData ? variablesOf(userData) : {},
    files: [],
    ...(by === undefined ? {} : { by }),
    ...(tracking === false ? { tracking } : {}),
    labels: {},
  }
}

/** An image as the QEMU provider takes it. */
interface Source {
  readonly path: string
  readonly id?: string
}

/** The image, or the demo guest, which is built at its first use. */
async function sourceOf(image: string | undefined): Promise<Source> {
  if (image === undefined) {
    const { buildDemoGuest } = await import('../../providers/qemu/demo-guest/build.ts')
    return { path: await buildDemoGuest({ log: talk }), id: 'demo-guest' }
  }
  const path = resolve(image)
  const found = await stat(path).catch((cause: unknown) => {
    throw new CloudError('invalid', `image: there is no ${path}`, { cause })
  })
  if (found.isDirectory() && !(await stat(join(path, 'kernel')).catch(() => undefined)))
    throw new CloudError('invalid', `image: the folder ${path} holds no file "kernel"`)
  if (!found.isDirectory() && !/\.(?:qcow2|raw|img)$/i.test(path))
    throw new CloudError('invalid', `image: ${path} must end in .qcow2, .raw or .img, which say what it is`)
  return { path }
}

function introduce({ plan, image }: Instance): void {
  const { userData, warnings, deliveries } = plan
  const ways = deliveries.map(({ method }) => method).join(', then ')
  const what = userData ? `${userData.format}, ${sizeText(userData.sizeBytes)}, SHA-256 ${userData.sha256}` : 'none'
  talk(`bellhop: ${image.title} boots; user data: ${what}; by ${ways}`)
  for (const { message } of warnings) talk(`bellhop: note: ${message}`)
}

function report({ outcome, instance, events, elapsedMs }: Followed, { output }: RunOptions): void {
  talk(`bellhop: ${outcome.message}, after ${(elapsedMs / 1000).toFixed(1)} s`)
  if (output !== 'json') return
  printJson({
    instance: {
      id: instance.id,
      image: instance.image.remoteId,
      provider: instance.provider,
      createdAt: new Date(instance.createdAt).toISOString(),
      plan: instance.plan,
    },
    digest: instance.userDataSha256,
    events: events.map((event) => ({ ...event, at: new Date(event.at).toISOString() })),
    exitReason: outcome.exitReason,
    exitCode: outcome.exitCode,
    message: outcome.message,
  })
}
