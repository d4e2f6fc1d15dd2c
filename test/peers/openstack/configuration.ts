import { REGION, urlOf, type Site } from './site.ts'

/** The databases that the services want. */
export const DATABASES = ['keystone', 'glance', 'placement', 'nova_api', 'nova', 'nova_cell0', 'neutron'] as const

/** Keystone's name for the identity provider whose tokens it takes. */
export const IDENTITY_PROVIDER = { name: 'peer-idp', issuer: 'https://idp.peer.example', user: 'alice@peer.example' }

/** The defaults that Debian keeps outside its programs, and where the services look for them. */
export const DEFAULT_FILES: Readonly<Record<string, string>> = {
  'etc/glance/glance-api-paste.ini': '/usr/share/glance-common/glance-api-paste.ini',
  'etc/neutron/api-paste.ini': '/etc/neutron/api-paste.ini',
  'etc/nova/api-paste.ini': '/usr/share/nova-common/api-paste.ini',
}

/** Every configuration file of the site, by its path in the site's folder. */
export function configurationFiles(site: Site): Readonly<Record<string, string>> {
  return {
    'etc/keystone/keystone.conf': keystone(site),
    'etc/glance/glance-api.conf': glance(site),
    'etc/placement/placement.conf': placement(site),
    'etc/neutron/neutron.conf': neutron(site),
    'etc/nova/nova.conf': nova(site),
    'etc/queue.conf': `default_user = peer\ndefault_pass = ${site.queuePassword}\n`,
    'etc/uwsgi/keystone.ini': uwsgi(site, 'keystone', '/usr/bin/keystone-wsgi-public', THREADS, bearerTokens(site)),
    'etc/uwsgi/placement.ini': uwsgi(site, 'placement', '/usr/bin/placement-api', THREADS),
    // Nova's services are written for one green thread hub a process.
    'etc/uwsgi/nova.ini': uwsgi(site, 'nova', '/usr/bin/nova-api-wsgi', PROCESSES),
    'etc/uwsgi/metadata.ini': uwsgi(site, 'metadata', '/usr/bin/nova-metadata-wsgi', PROCESSES),
  }
}

function keystone(site: Site): string {
  const keys = `${site.folder}/etc/keystone`
  return `
[database]
connection = ${database(site, 'keystone')}
[auth]
methods = password,token,application_credential,openid
[federation]
remote_id_attribute = HTTP_OIDC_ISS
[token]
provider = fernet
[fernet_tokens]
key_repository = ${keys}/fernet
[fernet_receipts]
key_repository = ${keys}/fernet
[credential]
key_repository = ${keys}/credential
# One process: what it remembers needs no server of its own.
[cache]
enabled = true
backend = dogpile.cache.memory
`
}

function glance(site: Site): string {
  return `
[DEFAULT]
bind_host = 127.0.0.1
bind_port = ${site.ports.glance}
workers = 0
enabled_backends = disk:file
[database]
connection = ${database(site, 'glance')}
[glance_store]
default_backend = disk
[disk]
filesystem_store_datadir = ${site.folder}/images
[paste_deploy]
flavor = keystone
config_file = ${site.folder}/etc/glance/glance-api-paste.ini
[keystone_authtoken]
${account(site)}
`
}

function placement(site: Site): string {
  return `
[placement_database]
connection = ${database(site, 'placement')}
[api]
auth_strategy = keystone
[keystone_authtoken]
${account(site)}
`
}

// No agents run: networks are rows in a database, and nobody is told of changes.
function neutron(site: Site): string {
  return `
[DEFAULT]
bind_host = 127.0.0.1
bind_port = ${site.ports.neutron}
core_plugin = ml2
service_plugins = router
transport_url = ${queue(site)}
api_workers = 0
rpc_workers = 0
rpc_state_report_workers = 0
agent_down_time = 2000000000
dhcp_agent_notification = false
notify_nova_on_port_status_changes = false
notify_nova_on_port_data_changes = false
state_path = ${site.folder}/neutron
api_paste_config = ${site.folder}/etc/neutron/api-paste.ini
[database]
connection = ${database(site, 'neutron')}
[oslo_concurrency]
lock_path = ${site.folder}/neutron
[ml2]
type_drivers = local
tenant_network_types = local
mechanism_drivers = openvswitch
extension_drivers = port_security
[securitygroup]
enable_ipset = false
[keystone_authtoken]
${account(site)}
`
}

function nova(site: Site): string {
  return `
[DEFAULT]
transport_url = ${queue(site)}
compute_driver = fake.FakeDriver
periodic_fuzzy_delay = 0
host = peer
my_ip = 127.0.0.1
state_path = ${site.folder}/nova
[api_database]
connection = ${database(site, 'nova_api')}
[database]
connection = ${database(site, 'nova')}
[oslo_concurrency]
lock_path = ${site.folder}/nova
[conductor]
workers = 1
[scheduler]
workers = 1
discover_hosts_in_cells_interval = 2
[glance]
endpoint_override = ${urlOf(site, 'glance')}
[placement]
${account(site)}
[neutron]
${account(site)}
service_metadata_proxy = true
metadata_proxy_shared_secret = ${site.metadataSecret}
[keystone_authtoken]
${account(site)}
`
}

function database({ folder }: Site, name: (typeof DATABASES)[number]): string {
  return `mysql+pymysql://root@localhost/${name}?unix_socket=${folder}/database.sock&charset=utf8`
}

function queue({ ports, queuePassword }: Site): string {
  return `rabbit://peer:${queuePassword}@127.0.0.1:${ports.queue}/`
}

// What the services log in with, and what they check their callers' tokens with.
function account(site: Site): string {
  return `auth_type = password
auth_url = ${urlOf(site, 'keystone')}/v3
www_authenticate_uri = ${urlOf(site, 'keystone')}/v3
username = admin
password = ${site.password}
project_name = admin
user_domain_name = Default
project_domain_name = Default
region_name = ${REGION}`
}

const THREADS = 'processes = 1\nthreads = 8'
const PROCESSES = 'processes = 2'

// As Debian runs them: its uWSGI takes Content-Length out of every answer, so that a body ends with its connection.
function uwsgi(
  { folder, ports }: Site,
  service: 'keystone' | 'placement' | 'nova' | 'metadata',
  program: string,
  workers: string,
  more = '',
): string {
  const project = service === 'metadata' ? 'nova' : service
  return `[uwsgi]
http-socket = 127.0.0.1:${ports[service]}
wsgi-file = ${program}
env = OS_${project.toUpperCase()}_CONFIG_DIR=${folder}/etc/${project}
${workers}
master = true
enable-threads = true
lazy-apps = true
die-on-term = true
no-orphans = true
thunder-lock = true
buffer-size = 65535
rem-header = Content-Length
disable-logging = true
${more}
`
}

// Keystone leaves bearer tokens to the web server in front of it: these routes stand for its OpenID Connect module.
function bearerTokens({ bearer }: Site): string {
  const { issuer, user } = IDENTITY_PROVIDER
  return Object.entries({ HTTP_OIDC_ISS: issuer, HTTP_OIDC_SUB: user })
    .map(([name, value]) => `route-if = regexp:\${HTTP_AUTHORIZATION};^Bearer\\s${bearer}$ addvar:${name}=${value}`)
    .join('\n')
}
