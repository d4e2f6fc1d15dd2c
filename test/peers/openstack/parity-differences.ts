/** What was asked. */
export interface Asked {
  readonly method: string
  readonly path: string
  /** Whether the caller was made known. */
  readonly isKnown: boolean
}

/** What came back; `status` 0 is a connection that was dropped. Bodies are bytes, as Latin-1. */
export interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

/** Both sides' answers to one question. */
export interface Pair {
  readonly nova: Answer
  readonly ours: Answer
}

/** A difference that is meant. */
export interface Difference {
  /** The first cell of its row in docs/reference/metadata-parity.md. */
  readonly where: string
  /** Takes it away, and nothing else: the pair as it is where the difference is not there. */
  readonly level: (pair: Pair, asked: Asked) => Pair
}

/** What the user called his key, and what Nova was told it is called. */
export interface KeyNames {
  readonly ours: string
  readonly nova: string
}

/** All that may differ, in the order in which it is taken away. */
export function differencesFor(key: KeyNames): readonly Difference[] {
  return [
    {
      where: 'no caller is known',
      level: (pair, { isKnown }) => (isKnown || pair.ours.status !== 404 ? pair : { nova: pair.ours, ours: pair.ours }),
    },
    {
      where: '`/latest/api/token`',
      level: (pair, asked) =>
        only(({ path }) => path === '/latest/api/token', { ours: asked.method === 'PUT' ? 400 : 405 })(pair, asked),
    },
    {
      where: '`POST …/password` with an empty body',
      level: only((asked) => asked.method === 'POST' && isPassword(asked), { nova: 200, ours: 400 }),
    },
    {
      where: 'methods but GET and HEAD',
      level: (pair, asked) =>
        ['GET', 'HEAD'].includes(asked.method) || (asked.method === 'POST' && isPassword(asked))
          ? pair
          : only(() => true, asked.method === 'OPTIONS' ? { nova: 200 } : { ours: 405 })(pair, asked),
    },
    { where: '`HEAD …/password`', level: only((asked) => asked.method === 'HEAD' && isPassword(asked), { nova: 400 }) },
    { where: 'what Nova drops the connection for', level: only(() => true, { nova: 0, ours: 404 }) },
    {
      where: 'a path with a `%` that encodes nothing',
      level: only(({ path }) => /%(?![0-9a-f]{2})/i.test(path), { nova: 200, ours: 404 }),
    },
    {
      where: '`/{version}/dynamic/…`',
      level: (pair, asked) =>
        /^\/(?:ec2\/)?[^/]+\/dynamic(?:\/|$)/.test(asked.path)
          ? only(() => true, { nova: 404, ours: 200 })(pair, asked)
          : { ...pair, ours: edited(pair.ours, /^dynamic\/\n(?=meta-data\/)/, '') },
    },
    {
      where: '`/{version}/…` of a date that Nova does not know',
      level: only(({ path }) => /^\/(?:ec2\/)?\d{4}-\d\d-\d\d(?:\/|$)/.test(path), { nova: 404, ours: 200 }),
    },
    { where: '`/seed/…`', level: only(({ path }) => path.startsWith('/seed/'), { nova: 404, ours: 200 }) },
    { where: '`/cimi/…`', level: only(({ path }) => path.startsWith('/cimi/'), { nova: 404, ours: 200 }) },
    { where: '`/report`', level: only(({ path }) => path === '/report', { nova: 404, ours: 405 }) },
    { where: '`public-keys/0/_name`', level: only(({ path }) => path.endsWith('/0/_name'), { nova: 200, ours: 404 }) },
    {
      where: '`meta-data/local-ipv4` without an address',
      level: (pair, asked) =>
        /\/local-ipv4\/?$/.test(asked.path) && ['None', ''].includes(pair.nova.body)
          ? only(() => true, { nova: 200, ours: 404 })(pair, asked)
          : pair.ours.body.includes('\nlocal-ipv4')
            ? pair
            : { ...pair, nova: edited(pair.nova, /(?<=^ami-id\n.*)\nlocal-ipv4(?=\n)/s, '') },
    },
    {
      where: '`hostname`',
      level: ({ nova, ours }, { path }) => ({
        nova: /hostname\/?$/.test(path)
          ? edited(nova, /\.novalocal$/, '')
          : edited(nova, /("hostname": "[\w-]+)\.novalocal"/, '$1"'),
        ours,
      }),
    },
    {
      where: '`ami-id`, `instance-id`, `reservation-id`',
      level: ({ nova, ours }, { path }) =>
        /\/(?:ami|instance|reservation)-id\/?$/.test(path)
          ? {
              nova: edited(nova, /^(?:(ami|i)-[0-9a-f]{8}|(r)-[0-9a-z]{8})$/, '$1$2-…'),
              ours: edited(ours, /^(ami|i|r)-[0-9a-f]{17}$/, '$1-…'),
            }
          : { nova, ours },
    },
    {
      where: '`block-device-mapping/`',
      level: ({ nova, ours }, { path }) => ({
        nova: path.includes('/block-device-mapping/') ? edited(nova, /^((?:\/dev\/)?sda)$/, '$11') : nova,
        ours,
      }),
    },
    {
      where: '`random_seed`',
      level: ({ nova, ours }) => ({
        nova: edited(nova, SEED, '"random_seed": …'),
        ours: edited(ours, SEED, '"random_seed": …'),
      }),
    },
    {
      where: 'the name of a key',
      level: ({ nova, ours }) => ({ nova: { ...nova, body: nova.body.replaceAll(key.nova, key.ours) }, ours }),
    },
    {
      where: '`links[].type`',
      level: ({ nova, ours }) => ({
        nova: { ...nova, body: nova.body.replaceAll('"type": "ovs", "mtu"', '"type": "phy", "mtu"') },
        ours,
      }),
    },
    {
      where: '`vendor_data.json`, `vendor_data2.json`',
      level: ({ nova, ours }, { path }) => ({
        nova,
        ours: /\/vendor_data2?\.json\/?$/.test(path) ? edited(ours, /\{"cloud-init": "(?:[^"\\]|\\.)*"\}/, '{}') : ours,
      }),
    },
    {
      where: 'the body of an error, and its type',
      level: (pair) =>
        pair.nova.status === pair.ours.status && pair.nova.status >= 400 ? { nova: pair.ours, ours: pair.ours } : pair,
    },
  ]
}

/** 512 bytes in base64. */
const SEED = /"random_seed": "[A-Za-z0-9+/]{683}="/

function isPassword({ path }: Asked): boolean {
  return /^\/openstack\/[^/]+\/password\/?$/.test(path)
}

/** Where the question is such a one, and the answers' statuses are these: whatever else they say. */
function only(
  isSuch: (asked: Asked) => boolean,
  { nova, ours }: { readonly nova?: number; readonly ours?: number },
): Difference['level'] {
  return (pair, asked) => {
    const isSo = (nova ?? pair.nova.status) === pair.nova.status && (ours ?? pair.ours.status) === pair.ours.status
    return isSo && isSuch(asked) ? { nova: pair.ours, ours: pair.ours } : pair
  }
}

function edited(answer: Answer, pattern: RegExp, replacement: string): Answer {
  return { ...answer, body: answer.body.replace(pattern, replacement) }
}
