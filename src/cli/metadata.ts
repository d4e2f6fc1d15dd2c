import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { isIPv6 } from 'node:net'
import { homedir } from 'node:os'
import { Command, Option } from 'commander'
import { CloudError } from '../model/errors.ts'
import type { NetworkListener } from '../metadata-from/index.ts'
import { talk, toMs } from './output.ts'

interface MetadataOptions {
  readonly endpoint?: string
  readonly authFile?: string
  readonly caFile?: string
  readonly network: readonly string[]
  readonly listen: readonly string[]
  readonly trustedProxy?: readonly string[]
  readonly addressesFrom?: 'leases' | 'vms'
  readonly zone?: string
  readonly poll: string
  readonly reread: string
  readonly keep: string
}

const many = (text: string, before: readonly string[] = []): readonly string[] => [...before, text]

/** `bellhop metadata`: a metadata server for a cloud that is not ours, and nothing else. */
export function metadataCommand(): Command {
  return new Command('metadata')
    .description('give the guests of a cloud that runs already a metadata server')
    .addOption(new Option('--from <kind>', 'what runs the guests').choices(['opennebula']).makeOptionMandatory())
    .option('--endpoint <url>', 'its XML-RPC (default: as OpenNebula’s tools: ONE_XMLRPC, ~/.one/one_endpoint)')
    .option('--auth-file <file>', 'user:password (default: as OpenNebula’s tools: ONE_AUTH, ~/.one/one_auth)')
    .option('--ca-file <file>', 'certificates (PEM) to trust instead of the usual ones')
    .addOption(
      new Option('--network <id>', 'a network of guests; repeat it, each with its --listen')
        .argParser(many)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--listen <host:port>', 'where the guests of that network ask').argParser(many).makeOptionMandatory(),
    )
    .addOption(
      new Option('--trusted-proxy <network>', 'whose X-Forwarded-For counts (default: nobody’s)').argParser(many),
    )
    .addOption(
      new Option('--addresses-from <where>', 'leases: of networks that the account manages; vms: needs no such right')
        .choices(['leases', 'vms'])
        .default('leases'),
    )
    .option('--zone <name>', 'the guests’ availability zone; also tells ids from another OpenNebula’s')
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

Each network has a listener of its own; the site sends 169.254.169.254 of that network there. Ctrl-C or SIGTERM ends it.`,
    )
    .action(metadata)
}

async function metadata(options: MetadataOptions): Promise<void> {
  const stop = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
  const [{ serveMetadataFrom }, { openNebulaRecords }, { openNebulaApi }, { readOneCredential }, { connectOne }] =
    await Promise.all([
      import('../metadata-from/index.ts'),
      import('../metadata-from/opennebula.ts'),
      import('../providers/opennebula/api.ts'),
      import('../providers/opennebula/one-auth.ts'),
      import('../providers/opennebula/connection.ts'),
    ])
  const { endpoint, authFile, caFile, zone, addressesFrom, poll, reread, keep } = options
  const listeners = toListeners(options)
  const name = 'opennebula'
  const read = (path: string): Promise<string> => readFile(path, 'utf8')
  const credential = await readOneCredential(
    { ...(endpoint === undefined ? {} : { url: endpoint }), ...(authFile === undefined ? {} : { authFile }) },
    { env: process.env, readFile: read, home: homedir() },
  )
  const log = quieter((line) => talk(`bellhop: ${line}`))
  const http = await connectOne(name, caFile, read)
  const api = openNebulaApi({ ...credential, http, name })
  const records = openNebulaRecords({
    api,
    zone: zone ?? new URL(credential.url).hostname,
    ...(zone === undefined ? {} : { availabilityZone: zone }),
    ...(addressesFrom === undefined ? {} : { addressesFrom }),
    log,
  })
  try {
    const serving = await serveMetadataFrom({
      frontEnds: [{ name, records, listeners }],
      freshness: { pollMs: toMs(poll), recordMs: toMs(reread), keepMs: toMs(keep) },
      seen: ({ network, address, guest }, { kind, bytes = 0 }) => {
        if (kind === 'fetched')
          talk(`bellhop: VM ${guest} fetched ${bytes} bytes of user data as ${address} of network ${network}`)
      },
      log,
    })
    for (const { network, host, port } of serving.listeners)
      talk(`bellhop: guests of network ${network} are answered on http://${isIPv6(host) ? `[${host}]` : host}:${port}`)
    await stop
    await serving.close()
  } finally {
    await http.close()
  }
}

/** @throws {CloudError} invalid when networks and listeners are not pairs, or an address to listen on is none */
function toListeners({ network: networks, listen, trustedProxy }: MetadataOptions): readonly NetworkListener[] {
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
