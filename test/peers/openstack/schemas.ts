import { join } from 'node:path'
import { DATABASES } from './configuration.ts'
import type { Processes } from './processes.ts'
import { REGION, urlOf, type Site } from './site.ts'

/** Makes the folder of an empty database. */
export async function makeDatabaseFolder({ folder }: Site, { run }: Processes): Promise<void> {
  await run('database-folder', 'mariadb-install-db', [
    '--no-defaults',
    '--user=root',
    `--datadir=${join(folder, 'database')}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
  ])
}

/** Makes every database and its tables, and Keystone's keys and administrator. The database must run. */
export async function makeSchemas(site: Site, { run }: Processes): Promise<void> {
  const { folder } = site
  const sql = (statements: string) =>
    run('sql', 'mariadb', [
      '--no-defaults',
      '--user=root',
      `--socket=${folder}/database.sock`,
      `--execute=${statements}`,
    ])
  const manage = (job: string, program: string, file: string, commands: readonly (readonly string[])[]) => async () => {
    for (const command of commands) await run(job, program, ['--config-file', join(folder, 'etc', file), ...command])
  }
  const keys = ['--keystone-user', 'root', '--keystone-group', 'root']
  const urls = ['public', 'internal', 'admin'].flatMap((face) => [
    `--bootstrap-${face}-url`,
    `${urlOf(site, 'keystone')}/v3`,
  ])
  const keystone = manage('keystone-manage', 'keystone-manage', 'keystone/keystone.conf', [
    ['db_sync'],
    ['fernet_setup', ...keys],
    ['credential_setup', ...keys],
    ['bootstrap', '--bootstrap-password', site.password, '--bootstrap-region-id', REGION, ...urls],
  ])
  const placement = manage('placement-manage', 'placement-manage', 'placement/placement.conf', [['db', 'sync']])
  const glance = manage('glance-manage', 'glance-manage', 'glance/glance-api.conf', [['db_sync']])
  const neutron = manage('neutron-manage', 'neutron-db-manage', 'neutron/neutron.conf', [['upgrade', 'heads']])
  const nova = manage('nova-manage', 'nova-manage', 'nova/nova.conf', [
    ['api_db', 'sync'],
    ['cell_v2', 'map_cell0'],
    ['db', 'sync'],
    ['cell_v2', 'create_cell', '--name', 'cell1'],
  ])
  await sql(DATABASES.map((name) => `CREATE DATABASE ${name} CHARACTER SET utf8`).join('; '))
  // Three at a time: each is a Python program that takes a core.
  await Promise.all([keystone(), nova(), placement().then(glance).then(neutron)])
  await sql(NETWORK_AGENT)
}

// Neutron binds a server's port only where a network agent lives, and the fake hypervisor has none. This row stands for
// one, and `agent_down_time` keeps it alive.
const NETWORK_AGENT = `
INSERT INTO neutron.agents (id, agent_type, \`binary\`, topic, host, admin_state_up, created_at, started_at,
  heartbeat_timestamp, configurations, \`load\`)
VALUES (uuid(), 'Open vSwitch agent', 'neutron-openvswitch-agent', 'N/A', 'peer', 1, now(), now(), now(),
  '{"datapath_type":"system","ovs_hybrid_plug":false}', 0)`
