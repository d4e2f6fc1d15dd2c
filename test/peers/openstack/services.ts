import type { Site } from './site.ts'

/**
 * A program that runs as long as the peer. Each has the site's folder among its arguments, by which it is found even when
 * whoever started it is gone.
 */
export interface Service {
  readonly name: string
  readonly program: string
  readonly args: readonly string[]
  readonly argv0?: string
  readonly env?: Readonly<Record<string, string>>
  /** Where it listens: a port of 127.0.0.1, or a socket's path. */
  readonly at?: number | string
  /** Whether it speaks HTTP there. */
  readonly http?: boolean
}

/** The database and the message queue, on which the rest stands. */
export function foundations({ folder, ports }: Site): readonly Service[] {
  const names = { ERL_EPMD_PORT: String(ports.queueNames), ERL_EPMD_ADDRESS: '127.0.0.1' }
  return [
    {
      name: 'database',
      program: 'mariadbd',
      at: `${folder}/database.sock`,
      args: [
        '--no-defaults',
        '--user=root',
        `--datadir=${folder}/database`,
        `--socket=${folder}/database.sock`,
        `--pid-file=${folder}/database.pid`,
        '--skip-networking',
        '--innodb-buffer-pool-size=64M',
        '--innodb-flush-log-at-trx-commit=0',
        '--max-connections=400',
        '--performance-schema=OFF',
      ],
    },
    // Its own: the queue would start one for the whole machine, on its usual port, and leave it there.
    { name: 'queue-names', program: 'epmd', argv0: `${folder}/epmd`, args: [], env: names, at: ports.queueNames },
    {
      name: 'queue',
      program: '/usr/lib/rabbitmq/bin/rabbitmq-server',
      args: ['-peer', folder],
      at: ports.queue,
      env: {
        ...names,
        HOME: `${folder}/queue`,
        // Then the script becomes the server, instead of waiting for it.
        RUNNING_UNDER_SYSTEMD: 'true',
        RABBITMQ_NODENAME: 'peer@localhost',
        RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
        RABBITMQ_NODE_PORT: String(ports.queue),
        RABBITMQ_DIST_PORT: String(ports.queueNodes),
        RABBITMQ_MNESIA_BASE: `${folder}/queue`,
        RABBITMQ_LOG_BASE: `${folder}/queue`,
        RABBITMQ_LOGS: '-',
        RABBITMQ_PID_FILE: `${folder}/queue/pid`,
        RABBITMQ_CONFIG_FILE: `${folder}/etc/queue.conf`,
        // No file: nothing of the machine's own queue is read.
        RABBITMQ_CONF_ENV_FILE: `${folder}/queue/none`,
        RABBITMQ_ADVANCED_CONFIG_FILE: `${folder}/queue/none`,
        RABBITMQ_ENABLED_PLUGINS_FILE: `${folder}/queue/none`,
        // One idle scheduler: the machine has other things to do than to wait for messages.
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none',
      },
    },
  ]
}

/** Keystone, which the content of the rest is made with. */
export function identity(site: Site): Service {
  return uwsgi(site, 'keystone')
}

/** OpenStack's other services. Nova's metadata service is one of them. */
export function services(site: Site): readonly Service[] {
  const { folder, ports } = site
  const nova = ['--config-file', `${folder}/etc/nova/nova.conf`]
  return [
    uwsgi(site, 'placement'),
    {
      name: 'glance',
      program: 'glance-api',
      args: ['--config-file', `${folder}/etc/glance/glance-api.conf`],
      at: ports.glance,
      http: true,
    },
    {
      name: 'neutron',
      program: 'neutron-server',
      args: ['--config-file', `${folder}/etc/neutron/neutron.conf`],
      at: ports.neutron,
      http: true,
    },
    { name: 'nova-conductor', program: 'nova-conductor', args: nova },
    { name: 'nova-scheduler', program: 'nova-scheduler', args: nova },
    { name: 'nova-compute', program: '/usr/bin/python3', args: ['-c', COMPUTE, ...nova] },
    uwsgi(site, 'nova'),
    uwsgi(site, 'metadata'),
  ]
}

// The package that has nova-compute wants a hypervisor. Nova names its service after the program's name.
const COMPUTE = 'import sys; sys.argv[0] = "nova-compute"; from nova.cmd.compute import main; sys.exit(main())'

function uwsgi({ folder, ports }: Site, name: 'keystone' | 'placement' | 'nova' | 'metadata'): Service {
  return {
    name,
    program: 'uwsgi_python3',
    args: ['--ini', `${folder}/etc/uwsgi/${name}.ini`],
    at: ports[name],
    http: true,
  }
}
