import { CloudError } from '../model/errors.ts'
import type { Surroundings } from '../providers/settings.ts'
import type { GuestRecords } from './guest-records.ts'

/** A front end as its site describes it. What is absent is read where the cloud's own tools look for it. */
export interface FrontEndSettings {
  /** Its name for ever: guests' ids and the log have it. A word without blanks. */
  readonly name: string
  readonly driver: FrontEndDriver
  /** Of the XML-RPC. */
  readonly endpoint?: string
  /** PEM: certificates to trust. */
  readonly caFile?: string
  /** What guests read as their availability zone. */
  readonly zone?: string
  /** OpenNebula: who has which address, from networks or from VMs. */
  readonly addressesFrom?: 'leases' | 'vms'
  /** OpenNebula: a file that holds `user:password` or `user:token`. */
  readonly authFile?: string
  /** StratusLab: the user file of its client, and which cloud of it. */
  readonly userConfigFile?: string
  readonly cloud?: string
  readonly username?: string
  readonly passwordFile?: string
  readonly certificateFile?: string
  readonly keyFile?: string
}

/** The drivers, by the words that the configuration and the command line use. */
export const FRONT_END_DRIVERS = ['opennebula', 'stratuslab'] as const

/** What runs the guests. */
type FrontEndDriver = (typeof FRONT_END_DRIVERS)[number]

/** Records that can be read, until they are closed. */
interface OpenRecords {
  readonly records: GuestRecords
  readonly close: () => Promise<void>
}

type Open = (settings: FrontEndSettings, around: Surroundings, log: (line: string) => void) => Promise<OpenRecords>

/** What one driver alone takes. */
const ONE_ONLY = ['authFile', 'addressesFrom'] as const
const LAB_ONLY = ['userConfigFile', 'cloud', 'username', 'passwordFile', 'certificateFile', 'keyFile'] as const

interface Driver {
  /** Settings of others. */
  readonly foreign: readonly (keyof FrontEndSettings)[]
  readonly open: Open
}

const DRIVERS: Readonly<Record<FrontEndDriver, Driver>> = {
  opennebula: { foreign: LAB_ONLY, open: openOpenNebula },
  stratuslab: { foreign: ONE_ONLY, open: openStratusLab },
}

/**
 * Makes a front end's records ready to be read; nothing is asked yet, for a front end that is down must keep no other from being served.
 *
 * @throws {CloudError} invalid naming the setting, file or variable; never a secret
 */
export async function openRecords(
  settings: FrontEndSettings,
  around: Surroundings,
  log: (line: string) => void,
): Promise<OpenRecords> {
  const { foreign, open } = DRIVERS[settings.driver]
  const stranger = foreign.find((key) => settings[key] !== undefined)
  if (stranger !== undefined)
    throw new CloudError('invalid', `${settings.name}: ${stranger} is no setting of ${settings.driver}; leave it out`)
  return await open(settings, around, log)
}

async function openOpenNebula(
  { name, endpoint, authFile, caFile, ...site }: FrontEndSettings,
  around: Surroundings,
  log: (line: string) => void,
): Promise<OpenRecords> {
  const [{ openNebulaRecords }, { openNebulaApi }, { readOneCredential }, { connectOne }] = await Promise.all([
    import('./opennebula.ts'),
    import('../providers/opennebula/api.ts'),
    import('../providers/opennebula/one-auth.ts'),
    import('../providers/opennebula/connection.ts'),
  ])
  const wanted = {
    ...(endpoint === undefined ? {} : { url: endpoint }),
    ...(authFile === undefined ? {} : { authFile }),
  }
  const credential = await readOneCredential(wanted, around)
  const http = await connectOne(name, caFile, around.readFile)
  const api = openNebulaApi({ ...credential, http, name })
  const { addressesFrom } = site
  const records = openNebulaRecords({
    api,
    ...placeOf(site, credential.url),
    ...(addressesFrom === undefined ? {} : { addressesFrom }),
    log,
  })
  return { records, close: () => http.close() }
}

async function openStratusLab(
  { name, driver: _driver, zone, addressesFrom: _from, ...wanted }: FrontEndSettings,
  around: Surroundings,
  log: (line: string) => void,
): Promise<OpenRecords> {
  const [{ openNebulaRecords }, { openNebulaApi }, { readStratusLab }, { sessionOf }, { connectLab }, { withLogin }] =
    await Promise.all([
      import('./opennebula.ts'),
      import('../providers/opennebula/api.ts'),
      import('../providers/stratuslab/settings.ts'),
      import('../providers/stratuslab/endpoint.ts'),
      import('../providers/stratuslab/connection.ts'),
      import('../providers/stratuslab/login.ts'),
    ])
  const { url, login, tls } = await readStratusLab(wanted, around)
  const http = withLogin(connectLab(tls), login)
  // Its front end is an OpenNebula 3.2 behind a proxy, and reading is the same there.
  const api = openNebulaApi({ url, session: sessionOf(login), http, name })
  const place = placeOf(zone === undefined ? {} : { zone }, url)
  // So old a network tells of its leases in another form, and lists have whole records anyway.
  const records = openNebulaRecords({ api, ...place, addressesFrom: 'vms', log })
  return { records, close: () => http.close() }
}

function placeOf(
  { zone }: Pick<FrontEndSettings, 'zone'>,
  url: string,
): { readonly zone: string; readonly availabilityZone?: string } {
  return zone === undefined ? { zone: new URL(url).hostname } : { zone, availabilityZone: zone }
}
