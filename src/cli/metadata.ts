import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { baseDir } from '../base-dir.ts'
import type { ServedFrontEnd } from '../config-metadata-from.ts'
import { FRONT_END_DRIVERS, type FrontEndSettings } from '../metadata-from/front-ends.ts'
import { CloudError } from '../model/errors.ts'
import type { NetworkListener } from '../metadata-from/index.ts'
import { many } from './api-command.ts'
import { talk, toMs } from './output.ts'

interface MetadataOptions extends Omit<FrontEndSettings, 'name' | 'driver'> {
  readonly config?: string
  readonly from?: FrontEndSettings['driver']
  readonly network?: readonly string[]
  readonly listen?: readonly string[]
  readonly trustedProxy?: readonly string[]
  readonly keyFile?: string
  readonly poll: string
  readonly reread: string
  readonly keep: string
}

/** `bellhop metadata`: a metadata server for clouds that are not ours, and nothing else. */
export function metadataCommand(): Command {
  return new Command('metadata')
    .description('give the guests of clouds that run already a metadata server')
    .addOption(new Option('--from <kind>', 'what runs the guests').choices(FRONT_END_DRIVERS))
    .option('--config <file>', 'a TOML file with [[metadata.from]]: several front ends at once')
    .option('--endpoint <url>', 'its XML-RPC (default: where the cloud’s own tools look for it)')
    .option('--auth-file <file>', 'OpenNebula: user:password (default: ONE_AUTH, ~/.one/one_auth)')
    .option('--user-config-file <file>', 'StratusLab: its user file (default: ~/.stratuslab/stratuslab-user.cfg)')
    .option('--cloud <name>', 'StratusLab: which cloud of the user file')
    .option('--ca-file <file>', 'certificates (PEM) to trust instead of the usual ones')
    .addOption(new Option('--network <id>', 'a network of guests; repeat it, each with its --listen').argParser(many))
    .addOption(new Option('--listen <host:port>', 'where the guests of that network ask').argParser(many))
    .addOption(
      new Option('--trusted-proxy <network>', 'whose X-Forwarded-For counts (default: nobody’s)').argParser(many),
    )
    .addOption(
      new Option(
        '--addresses-from <where>',
        'OpenNebula: leases: of networks that the account manages (default); vms: needs no such right',
      ).choices(['leases', 'vms']),
    )
    .option('--zone <name>', 'the guests’ availability zone; also tells ids from another front end’s')
    .option('--key-file <file>', 'signs session tokens (default: metadata-from.key in the state folder, made once)')
    .option('--poll <time>', 'how often addresses are read', '3s')
    .option('--reread <time>', 'how old what a guest is told may be', '10s')
    .option('--keep <time>', 'how long it is told while the front end is away', '1h')
    .addHelpText(
      'after',
      `
Examples:
  $ bellhop metadata --from opennebula --network 3 --listen 10.0.0.2:8775
  $ bellhop metadata --from opennebula --endpoint http://one.example.org:2633/RPC2 --auth-file /etc/bellhop/one_auth \\
      --network 3 --listen 10.0.0.2:8775 --network 7 --listen 10.0.0.2:8776
  $ bellhop metadata --from stratuslab --endpoint cloud.example.org --network 0 --listen 10.0.0.2:8775
  $ bellhop metadata --config /etc/bellhop/bellhop.toml

Each network has a listener of its own; the site sends 169.254.169.254 of that network there. Ctrl-C or SIGTERM ends it.`,
    )
    .action(metadata)
}

async function metadata(options: MetadataOptions): Promise<void> {
  const stop = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
  const [{ serveMetadataFrom }, { openRecords }, { keyFrom }, { thisMachine }] = await Promise.all([
    import('../metadata-from/index.ts'),
    import('../metadata-from/front-ends.ts'),
    import('../metadata-from/key-file.ts'),
    import('../providers/settings.ts'),
  ])
  const { poll, reread, keep, keyFile = join(baseDir('state'), 'metadata-from.key') } = options
  const settings = await frontEndsOf(options)
  const prefixFor = (name: string): string => (settings.length > 1 ? `bellhop: ${name}:` : 'bellhop:')
  const log = quieter((line) => talk(`bellhop: ${line}`))
  const around = thisMachine()
  await using opened = new AsyncDisposableStack()
  const frontEnds = []
  for (const each of settings) {
    const { records, close } = await openRecords(each, around, log)
    opened.defer(close)
    frontEnds.push({ name: each.name, records, listeners: each.listeners })
  }
  const serving = await serveMetadataFrom({
    frontEnds,
    secret: await keyFrom(keyFile),
    freshness: { pollMs: toMs(poll), recordMs: toMs(reread), keepMs: toMs(keep) },
    seen: ({ frontEnd, network, address, guest }, { kind, bytes = 0 }) => {
      if (kind === 'fetched')
        talk(
          `${prefixFor(frontEnd)} VM ${guest} fetched ${bytes} bytes of user data as ${address} of network ${network}`,
        )
    },
    log,
  })
  opened.defer(() => serving.close())
  for (const { frontEnd, network, host, port } of serving.listeners)
    talk(
      `${prefixFor(frontEnd)} guests of network ${network} are answered on http://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    )
  await stop
}

/** @throws {CloudError} invalid where neither or both ways of saying it are used, or one is not complete */
async function frontEndsOf(options: MetadataOptions): Promise<readonly ServedFrontEnd[]> {
  const { config: path, from, network, listen, trustedProxy } = options
  const { endpoint, authFile, userConfigFile, cloud, caFile, addressesFrom, zone } = options
  const own = {
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(authFile === undefined ? {} : { authFile }),
    ...(userConfigFile === undefined ? {} : { userConfigFile }),
    ...(cloud === undefined ? {} : { cloud }),
    ...(caFile === undefined ? {} : { caFile }),
    ...(addressesFrom === undefined ? {} : { addressesFrom }),
    ...(zone === undefined ? {} : { zone }),
  }
  if (path !== undefined) {
    if (Object.keys(own).length > 0 || [from, network, listen, trustedProxy].some((each) => each !== undefined))
      throw new CloudError(
        'invalid',
        '--config: says all about front ends; give either it, or --from and what goes with it',
      )
    const { readConfig } = await import('../config.ts')
    const { from: tables = [] } = (await readConfig(path)).metadata
    if (tables.length > 0) return tables
    throw new CloudError('invalid', `--config: ${path} has no [[metadata.from]]; add a table for each front end`)
  }
  if (from === undefined)
    throw new CloudError('invalid', `--from: say what runs the guests (${FRONT_END_DRIVERS.join(', ')}), or --config`)
  return [{ ...own, name: from, driver: from, listeners: toListeners(options) }]
}

/** @throws {CloudError} invalid when networks and listeners are not pairs, or an address to listen on is none */
function toListeners({
  network: networks = [],
  listen = [],
  trustedProxy,
}: MetadataOptions): readonly NetworkListener[] {
  if (networks.length === 0)
    throw new CloudError('invalid', '--network: name the networks of guests, each with its --listen')
  if (networks.length !== listen.length)
    throw new CloudError(
      'invalid',
      `--network is there ${networks.length} times and --listen ${listen.length} times; give each network its --listen`,
    )
  const stranger = networks.find((network) => !/^\d{1,9}$/.test(network))
  if (stranger !== undefined)
    throw new CloudError('invalid', `--network: "${stranger}" is no id; give the number that onevnet list shows`)
  return networks.map((network, index) => ({
    network,
    ...toHostPort(listen[index] ?? ''),
    ...(trustedProxy ? { trustedProxies: trustedProxy } : {}),
  }))
}

function toHostPort(text: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, port = ''] = /^(?:\[([\da-f:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/i.exec(text) ?? []
  const host = bracketed ?? plain
  if (host === undefined || Number(port) > 65_535)
    throw new CloudError('invalid', `--listen: "${text}" is not like 10.0.0.2:8775 or [fd00::2]:8775`)
  return { host, port: Number(port) }
}

const SAME_LINE_MS = 60_000
const LINES_MAX = 1000

/** Guests that ask again and again must not fill a log: the same line comes once a minute. */
function quieter(log: (line: string) => void): (line: string) => void {
  const said = new Map<string, number>()
  return (line) => {
    const now = performance.now()
    if (now - (said.get(line) ?? -Infinity) < SAME_LINE_MS) return
    if (said.size >= LINES_MAX) said.clear()
    said.set(line, now)
    log(line)
  }
}
