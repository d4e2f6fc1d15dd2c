import { may, passwordHash } from './access.ts'
import { addressAt, macOf } from './leases.ts'
import type { Host, HostCapacity, Image, Network, Owned, User, VmTemplate } from './model.ts'
import { templateXml } from './template.ts'
import type { Profile } from './version.ts'
import { bare, cdata, escapeText } from './xml.ts'

const CLASSES = ['OWNER', 'GROUP', 'OTHER'] as const

/** What every object begins with. */
export function headXml({ id, name, owner }: Owned): string {
  return [
    bare('ID', id),
    bare('UID', owner.id),
    bare('GID', owner.groupId),
    bare('UNAME', owner.name),
    bare('GNAME', owner.groupName),
    bare('NAME', escapeText(name)),
  ].join('')
}

/** Who may what, bit by bit. */
export function permissionsXml({ mode }: Owned): string {
  const bits = CLASSES.map((who, index) => {
    const digit = Number(mode[index])
    return `${bare(`${who}_U`, (digit >> 2) & 1)}${bare(`${who}_M`, (digit >> 1) & 1)}${bare(`${who}_A`, digit & 1)}`
  })
  return bare('PERMISSIONS', bits.join(''))
}

const NO_QUOTAS = ['DATASTORE_QUOTA', 'NETWORK_QUOTA', 'VM_QUOTA', 'IMAGE_QUOTA'].map((name) => bare(name, '')).join('')

/** `<USER>`. */
export function userXml(user: User): string {
  const tokens = [...user.tokens].map(([token, end]) =>
    bare('LOGIN_TOKEN', bare('TOKEN', token) + bare('EXPIRATION_TIME', end) + bare('EGID', -1)),
  )
  return bare(
    'USER',
    [
      bare('ID', user.id),
      bare('GID', user.groupId),
      bare('GROUPS', bare('ID', user.groupId)),
      bare('GNAME', user.groupName),
      bare('NAME', escapeText(user.name)),
      cdata('PASSWORD', passwordHash(user.password)),
      cdata('AUTH_DRIVER', 'core'),
      bare('ENABLED', 1),
      ...tokens,
      bare('TEMPLATE', templateXml(user.template)),
      NO_QUOTAS,
      bare('DEFAULT_USER_QUOTAS', NO_QUOTAS),
    ].join(''),
  )
}

/** `<VMTEMPLATE>`. */
export function vmTemplateXml(template: VmTemplate): string {
  return bare(
    'VMTEMPLATE',
    headXml(template) +
      permissionsXml(template) +
      bare('REGTIME', template.registered) +
      bare('TEMPLATE', templateXml(template.template)),
  )
}

/** `<IMAGE>`. */
export function imageXml(image: Image): string {
  return bare(
    'IMAGE',
    [
      headXml(image),
      permissionsXml(image),
      bare('TYPE', image.type),
      bare('DISK_TYPE', 0),
      bare('PERSISTENT', 0),
      bare('REGTIME', image.registered),
      cdata('SOURCE', 'dummy_path'),
      cdata('PATH', image.path),
      cdata('FORMAT', 'dummy_format'),
      cdata('FS', ''),
      bare('SIZE', image.sizeMiB),
      bare('STATE', image.state),
      bare('PREV_STATE', image.state),
      bare('RUNNING_VMS', 0),
      bare('CLONING_OPS', 0),
      bare('CLONING_ID', -1),
      bare('TARGET_SNAPSHOT', -1),
      bare('DATASTORE_ID', image.datastore.id),
      bare('DATASTORE', image.datastore.name),
      bare('VMS', ''),
      bare('CLONES', ''),
      bare('APP_CLONES', ''),
      bare('TEMPLATE', templateXml(image.template)),
      bare('SNAPSHOTS', cdata('ALLOW_ORPHANS', 'NO') + cdata('CURRENT_BASE', -1) + cdata('NEXT_SNAPSHOT', 0)),
      bare('BACKUP_INCREMENTS', ''),
    ].join(''),
  )
}

/** `<HOST>`, without devices, memory by nodes and what was measured last. */
export function hostXml({ id, name, state, total, max }: Host): string {
  const of = (kind: 'TOTAL' | 'MAX', { memoryKiB, cpuPercent }: HostCapacity) =>
    bare(`${kind}_MEM`, memoryKiB) + bare(`${kind}_CPU`, cpuPercent)
  return bare(
    'HOST',
    [
      bare('ID', id),
      bare('NAME', escapeText(name)),
      bare('STATE', state),
      bare('PREV_STATE', state),
      bare('IM_MAD', 'dummy'),
      bare('VM_MAD', 'dummy'),
      bare('CLUSTER_ID', 0),
      bare('CLUSTER', 'default'),
      bare(
        'HOST_SHARE',
        [
          bare('MEM_USAGE', 0),
          bare('CPU_USAGE', 0),
          of('TOTAL', total),
          of('MAX', max),
          bare('RUNNING_VMS', 0),
          bare('VMS_THREAD', 1),
          bare(
            'DATASTORES',
            ['DISK_USAGE', 'FREE_DISK', 'MAX_DISK', 'USED_DISK'].map((each) => bare(each, 0)).join(''),
          ),
          '<PCI_DEVICES/><NUMA_NODES/>',
        ].join(''),
      ),
      '<VMS/><TEMPLATE/><MONITORING/>',
    ].join(''),
  )
}

/** `<VNET>`: in a pool, or with its leases, which only those see who may manage it. */
export function networkXml(
  network: Network,
  asker: User,
  form: 'pool' | 'single',
  { networksHaveState }: Pick<Profile, 'networksHaveState'>,
): string {
  return bare(
    'VNET',
    [
      headXml(network),
      permissionsXml(network),
      bare('CLUSTERS', bare('ID', 0)),
      cdata('BRIDGE', network.bridge),
      cdata('BRIDGE_TYPE', 'linux'),
      ...(networksHaveState ? [cdata('STATE', network.state), cdata('PREV_STATE', network.state)] : []),
      '<PARENT_NETWORK_ID/>',
      cdata('VN_MAD', 'dummy'),
      '<PHYDEV/><VLAN_ID/><OUTER_VLAN_ID/>',
      bare('VLAN_ID_AUTOMATIC', 0),
      bare('OUTER_VLAN_ID_AUTOMATIC', 0),
      bare('USED_LEASES', network.leases.size),
      ...['VROUTERS', 'UPDATED_VMS', 'OUTDATED_VMS', 'UPDATING_VMS', 'ERROR_VMS'].map((name) => bare(name, '')),
      bare('TEMPLATE', templateXml(network.template)),
      bare('AR_POOL', rangeXml(network, asker, form)),
    ].join(''),
  )
}

function rangeXml(network: Network, asker: User, form: 'pool' | 'single'): string {
  const { first, size, globalPrefix, ulaPrefix } = network.range
  const last = addressAt(first, size - 1)
  const dual = globalPrefix !== undefined || ulaPrefix !== undefined
  const range = [
    cdata('AR_ID', 0),
    ...(globalPrefix === undefined ? [] : [cdata('GLOBAL_PREFIX', globalPrefix)]),
    cdata('IP', first),
    cdata('MAC', macOf(first)),
    cdata('SIZE', size),
    cdata('TYPE', dual ? 'IP4_6' : 'IP4'),
    ...(ulaPrefix === undefined ? [] : [cdata('ULA_PREFIX', ulaPrefix)]),
  ]
  if (form === 'single')
    range.push(
      cdata('MAC_END', macOf(last)),
      cdata('IP_END', last),
      bare('USED_LEASES', network.leases.size),
      leasesXml(network, asker),
    )
  return bare('AR', range.join(''))
}

function leasesXml(network: Network, asker: User): string {
  if (network.leases.size === 0 || !may(asker, 'MANAGE', network)) return '<LEASES/>'
  const leases = [...network.leases.values()].map(({ ip, mac, vmId, ip6 }) =>
    bare(
      'LEASE',
      [
        cdata('IP', ip),
        ...(ip6?.global === undefined ? [] : [cdata('IP6_GLOBAL', ip6.global)]),
        ...(ip6 === undefined ? [] : [cdata('IP6_LINK', ip6.link)]),
        ...(ip6?.ula === undefined ? [] : [cdata('IP6_ULA', ip6.ula)]),
        cdata('MAC', mac),
        cdata('VM', vmId),
      ].join(''),
    ),
  )
  return bare('LEASES', leases.join(''))
}
