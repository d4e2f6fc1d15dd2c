import type { Flavor, Image, KeyPair, Network, Server, Version } from './model.ts'

const STATES: Readonly<Record<string, string>> = {
  BUILD: 'BUILD',
  ERROR: 'ERROR',
  STOPPED: 'STOPPED',
  STARTED: 'ACTIVE',
}
const TASKS: Readonly<Record<string, string>> = {
  BUILD: 'BUILDING',
  START: 'STARTING',
  STOP: 'STOPPING',
  REBOOT: 'REBOOTING',
  DESTROY: 'DESTROYING',
}

/** @see synnefo/api/servers.py: vm_to_dict */
export function shownServer(server: Server, version: Version): object {
  const { id, name, project, metadata, image, flavor, ports, keyNames, diagnostic, isDeleted, task } = server
  const state = STATES[server.operState] ?? 'UNKNOWN'
  const status = isDeleted ? 'DELETED' : state === 'ACTIVE' && task === 'REBOOT' ? 'REBOOT' : state
  // Cards are shown once they are there.
  const cards = state === 'BUILD' || isDeleted ? [] : ports
  const attachments = cards.map((port) => ({
    id: port.id,
    network_id: String(port.networkId),
    mac_address: port.mac,
    ipv4: port.ipv4,
    ipv6: '',
    'OS-EXT-IPS:type': port.isFloating ? 'floating' : 'fixed',
  }))
  return {
    id,
    name,
    user_id: 'd1a1b2c3-0000-4000-8000-000000000001',
    tenant_id: project,
    status,
    'SNF:task_state': task === undefined ? '' : (TASKS[task] ?? 'UNKNOWN'),
    progress: status === 'ACTIVE' ? 100 : 0,
    flavor: { id: flavor.id, links: [] },
    image: { id: image.id, links: [] },
    suspended: false,
    metadata,
    attachments,
    addresses: Object.fromEntries(
      attachments.map((each) => [
        each.network_id,
        [{ version: 4, addr: each.ipv4, 'OS-EXT-IPS:type': each['OS-EXT-IPS:type'] }],
      ]),
    ),
    volumes: [],
    diagnostics:
      diagnostic === undefined
        ? []
        : [{ level: 'ERROR', source: 'image-error', message: 'Image customization failed.', details: diagnostic }],
    security_groups: [{ name: 'default' }],
    config_drive: '',
    'SNF:fqdn': `snf-${id}.vm.example.org`,
    'SNF:port_forwarding': {},
    deleted: isDeleted,
    ...(version === '0.16' ? {} : { key_name: keyNames[0] ?? null }),
    ...(version === '0.20' ? { 'SNF:key_names': keyNames, 'SNF:rescue': false } : {}),
  }
}

/** @see synnefo/api/images.py: image_to_dict */
export function shownImage({ id, name, status, metadata }: Image): object {
  return { id, name, status, metadata, progress: 100, public: true, is_snapshot: false, links: [] }
}

/** @see synnefo/api/flavors.py: flavor_to_dict */
export function shownFlavor({ allowCreate, ...flavor }: Flavor): object {
  return { ...flavor, 'SNF:disk_template': 'ext_archipelago', 'SNF:allow_create': allowCreate, links: [] }
}

/** @see synnefo/api/networks.py: network_to_dict */
export function shownNetwork({ id, name, public: isPublic, state }: Network): object {
  return { id: String(id), name, status: state, public: isPublic, admin_state_up: true, deleted: false, subnets: [] }
}

/** @see synnefo/api/keypairs.py: keypair_to_dict */
export function shownKeyPair({ name, content }: KeyPair): object {
  return { keypair: { name, fingerprint: 'unknown fingerprint', public_key: content } }
}
