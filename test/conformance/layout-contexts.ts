import { Buffer } from 'node:buffer'
import * as fc from 'fast-check'
import { isVariableName } from '../../src/layouts/context-sh-variables.ts'
import type { Context, InjectedFile, InstanceFacts, Nic, PublicKey } from '../../src/model/context.ts'

/** Text as users have it, and all that a wire format finds hard: quotes, line ends, words of YAML, what is beyond the BMP. */
const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    'yes',
    'null',
    '1e3',
    '0x1f',
    '2024-01-01',
    '=',
    '<<',
    '---',
    "it's",
    '"',
    '\\',
    'a: b',
    '# c',
    '{{ x }}',
  ),
  fc.constantFrom(
    '\u0085',
    '\u2028',
    '\ufeffa',
    '\u007f',
    '\ufffe',
    'a\r\nb',
    '\t',
    '\0',
    '😀',
    '__proto__',
    '{}',
    ' ',
  ),
)
/**
 * The same where it becomes a key of JSON. No backslash: once V8 (14.6) has read the key `\\`, it takes escaped keys for it. See
 * nodejs/node, "JSON.parse returns unexpected keys after decoding specified JSON key".
 */
const keyText = text.map((key) => key.replaceAll('\\', ''))
const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/)
const address = fc.ipV4()

/** Names are free of `=`, `/` and white space; two keys may have the same. */
const keyName = fc
  .oneof(keyText, fc.constantFrom('jane', 'jane-2', '0', '10', 'Jürgen'))
  .map((name) => name.replaceAll(/[=/\s]+/g, '-') || 'key')
const publicKey: fc.Arbitrary<PublicKey> = fc.record({
  name: keyName,
  text: text.map((comment) => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 ${comment.replaceAll(/[\r\n\0]/g, '')}.`),
})

const file: fc.Arbitrary<InjectedFile> = fc.record(
  {
    path: text.map((name) => `/etc/${name}`),
    bytes: fc.uint8Array(),
    mode: fc.nat(0o7777),
    owner: fc.constantFrom('root', 'jane'),
    group: fc.constantFrom('root', 'adm'),
  },
  { requiredKeys: ['path', 'bytes'] },
)

const facts: fc.Arbitrary<InstanceFacts> = fc.record(
  {
    name: text,
    launchIndex: fc.nat(99),
    imageName: text,
    sizeName: label,
    zone: label,
    region: label,
    projectId: text,
    localIpv4: address,
    publicIpv4: address,
    securityGroups: fc.array(label, { maxLength: 3 }),
    rootDevice: fc.constantFrom('/dev/vda', '/dev/sda1'),
  },
  { requiredKeys: ['launchIndex'] },
)

const nic: fc.Arbitrary<Nic> = fc.record({
  id: fc.uuid(),
  mac: fc.constantFrom('52:54:00:00:00:01', 'fa:16:3e:7d:41:ba'),
  addresses: fc.array(
    fc.record({
      address: fc.oneof(address, fc.ipV6()),
      prefixLength: fc.nat(32),
      assignment: fc.constantFrom('dhcp', 'static', 'slaac'),
    }),
    { maxLength: 3 },
  ),
})

/** Whatever a guest may have to be told. */
export const contexts: fc.Arbitrary<Context> = fc.record(
  {
    guestId: fc.uuid(),
    hostname: fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join('.')),
    facts,
    userData: fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constant(new Uint8Array())),
    vendorData: text.map((words) => Buffer.from(words, 'utf8')),
    publicKeys: fc.array(publicKey, { maxLength: 12 }),
    variables: fc.dictionary(keyText, text, { maxKeys: 5 }),
    files: fc.array(file, { maxLength: 3 }),
    network: fc.record({ nics: fc.array(nic, { maxLength: 2 }) }),
  },
  { requiredKeys: ['guestId', 'facts', 'publicKeys', 'variables', 'files'] },
)

const shellName = fc
  .oneof(fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/), fc.constantFrom('ROLE', 'a_b', '__proto__', 'constructor'))
  .filter(isVariableName)
const shellVariables = fc.dictionary(
  shellName,
  text.map((value) => value.replaceAll('\0', '')),
  { maxKeys: 5 },
)

/** Contexts whose variables can be a shell's: others are refused where they must be. */
export const shellContexts: fc.Arbitrary<Context> = fc
  .tuple(contexts, shellVariables)
  .map(([context, variables]) => ({ ...context, variables }))

/** Contexts whose user data are text: others are refused where they must be. */
export const textContexts: fc.Arbitrary<Context> = fc
  .tuple(contexts, text)
  .map(([context, words]) => (context.userData ? { ...context, userData: Buffer.from(words, 'utf8') } : context))
