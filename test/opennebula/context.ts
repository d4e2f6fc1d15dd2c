import { refusal, type Image, type Network, type User } from './model.ts'
import { substitute, type Reference } from './variables.ts'
import { byName, vectorsOf, type Template, type Vector } from './template.ts'

/** What variables may refer to. */
export interface Scope {
  readonly vmId: number
  readonly vmName: string
  readonly owner: User
  readonly template: Template
  readonly userTemplate: Template
  readonly images: readonly Image[]
  readonly networks: readonly Network[]
}

/** How contexts are made. */
export interface ContextRules {
  readonly separator: string
  readonly oneGate: string | undefined
}

/** What a NIC gives: name in the context, name in the NIC, and whether the network is asked where the NIC has none. */
const NETWORK_KEYS: readonly (readonly [context: string, nic: string, asksNetwork: boolean])[] = [
  ['IP', 'IP', false],
  ['MAC', 'MAC', false],
  ['MASK', 'NETWORK_MASK', true],
  ['NETWORK', 'NETWORK_ADDRESS', true],
  ['GATEWAY', 'GATEWAY', true],
  ['DNS', 'DNS', true],
  ['SEARCH_DOMAIN', 'SEARCH_DOMAIN', true],
  ['MTU', 'GUEST_MTU', true],
  ['METRIC', 'METRIC', true],
  ['METHOD', 'METHOD', true],
  ['VLAN_ID', 'VLAN_ID', true],
  ['VROUTER_IP', 'VROUTER_IP', false],
  ['VROUTER_MANAGEMENT', 'VROUTER_MANAGEMENT', false],
  ['EXTERNAL', 'EXTERNAL', false],
  ['IP6', 'IP6_GLOBAL', false],
  ['IP6_ULA', 'IP6_ULA', false],
  ['IP6_GATEWAY', 'GATEWAY6', true],
  ['IP6_METRIC', 'IP6_METRIC', true],
  ['IP6_METHOD', 'IP6_METHOD', true],
  ['IP6_PREFIX_LENGTH', 'PREFIX_LENGTH', true],
  ['VROUTER_IP6', 'VROUTER_IP6_GLOBAL', false],
]

/**
 * A context with its variables put in and what the front end adds: cards, files, OneGate.
 *
 * @param failure the code of a context that cannot be read: 16384 where a VM is made, 8192 where it is changed
 * @throws {Refusal} `failure`
 */
export function completeContext(given: Vector, scope: Scope, rules: ContextRules, failure: 8192 | 16384): Vector {
  const files = given.get('FILES_DS')
  const joined = join(new Map([...given].filter(([key]) => key !== 'FILES_DS')), rules)
  const read = substitute(joined, (reference) => lookUp(reference, scope))
  if ('error' in read) throw refusal(failure, `Error parsing: ${joined}. ${read.error}`)
  const context = split(read.text, rules)
  if (isYes(context.get('NETWORK')))
    for (const [key, value] of split(join(cards(scope), rules), rules)) context.set(key, value)
  if (files !== undefined) {
    const sources = fileImages(files, scope, failure)
    if (sources.length > 0) context.set('FILES_DS', sources.map(({ name }) => `dummy_path:'${name}' `).join(''))
  }
  if (isYes(context.get('TOKEN'))) {
    if (rules.oneGate === undefined)
      throw refusal(failure, 'TOKEN set, but onegate endpoint was not defined in oned.conf.')
    context.set('ONEGATE_ENDPOINT', rules.oneGate)
    context.set('VMID', String(scope.vmId))
  }
  return context
}

/** Whether a value means yes. */
export function isYes(value: string | undefined): boolean {
  return /^yes$/i.test(value ?? '')
}

function join(vector: Vector, { separator }: ContextRules): string {
  return [...vector]
    .toSorted(([first], [second]) => byName(first, second))
    .map(([key, value]) => `${key}=${value}`)
    .join(separator)
}

/** Nothing keeps a value that holds the separator from being two. */
function split(joined: string, { separator }: ContextRules): Map<string, string> {
  const vector = new Map<string, string>()
  for (const pair of joined.split(separator)) {
    const equals = pair.indexOf('=')
    if (equals > 0) vector.set(pair.slice(0, equals), pair.slice(equals + 1))
  }
  return vector
}

/** What a context tells of the cards, for guests that ask for it by `NETWORK=YES`. */
export function cards({ template, networks }: Pick<Scope, 'template' | 'networks'>): Vector {
  const nics = vectorsOf(template, 'NIC').map((nic) => [`ETH${nic.get('NIC_ID')}_`, nic] as const)
  const aliases = vectorsOf(template, 'NIC_ALIAS').map(
    (nic) => [`ETH${nic.get('PARENT_ID')}_ALIAS${nic.get('ALIAS_ID')}_`, nic] as const,
  )
  const context = new Map<string, string>()
  for (const [prefix, nic] of [...nics, ...aliases]) {
    const network = networks.find(({ id }) => String(id) === nic.get('NETWORK_ID'))
    for (const [key, inNic, asksNetwork] of NETWORK_KEYS) {
      const own = nic.get(inNic) ?? ''
      context.set(prefix + key, own !== '' || !asksNetwork ? own : ((network && single(network.template, inNic)) ?? ''))
    }
  }
  return context
}

function single(template: Template, wanted: string): string | undefined {
  const found = template.find(({ name }) => name === wanted)?.value
  return typeof found === 'string' ? found : undefined
}

function lookUp(reference: Reference, scope: Scope): string | undefined {
  const { name, key } = reference
  if (key === undefined) return lookUpPlain(name, scope)
  switch (name) {
    case 'USER':
      return single(scope.owner.template, key)
    case 'NETWORK': {
      const id = referred(reference, scope.template, 'NIC', 'NETWORK')
      const network = scope.networks.find((one) => String(one.id) === id)
      return network && objectValue(network.template, network, key)
    }
    case 'IMAGE': {
      const id = referred(reference, scope.template, 'DISK', 'IMAGE')
      const image = scope.images.find((one) => String(one.id) === id)
      return image && objectValue(image.template, image, key)
    }
    default:
      return vectorsOf(scope.template, name)
        .find((vector) => reference.where === undefined || vector.get(reference.where.key) === reference.where.value)
        ?.get(key)
  }
}

function lookUpPlain(name: string, { vmId, vmName, owner, template, userTemplate }: Scope): string | undefined {
  const own: Readonly<Record<string, string>> = {
    NAME: vmName,
    VMID: String(vmId),
    UID: String(owner.id),
    UNAME: owner.name,
    GID: String(owner.groupId),
    GNAME: owner.groupName,
  }
  return Object.hasOwn(own, name) ? own[name] : (single(template, name) ?? single(userTemplate, name))
}

function referred({ where }: Reference, template: Template, device: string, kind: string): string | undefined {
  if (where === undefined) return undefined
  return vectorsOf(template, device)
    .find((vector) => vector.get(where.key) === where.value)
    ?.get(`${kind}_ID`)
}

function objectValue(template: Template, { id, name }: Image | Network, key: string): string | undefined {
  if (key === 'NAME') return name
  return key === 'ID' ? String(id) : single(template, key)
}

/** Images that `$FILE[IMAGE="name"]`, `$FILE[IMAGE_ID=3]` refer to. */
function fileImages(text: string, { images, owner }: Scope, failure: 8192 | 16384): readonly Image[] {
  return [...text.matchAll(/\$FILE\s*\[\s*(IMAGE|IMAGE_ID)\s*=\s*(?:"([^"]*)"|([A-Za-z0-9]+))[^\]]*\]/g)].map(
    ([, key, quoted, plain]) => {
      const wanted = quoted ?? plain
      const image = images.find(({ id, name, owner: { id: ownerId } }) =>
        key === 'IMAGE_ID' ? String(id) === wanted : name === wanted && ownerId === owner.id,
      )
      if (image === undefined) throw refusal(failure, `User ${owner.id} does not own an image with name: ${wanted} .`)
      if (image.type !== 5) throw refusal(failure, 'Only images of type CONTEXT can be used in FILE_DS attribute.')
      return image
    },
  )
}

/** The file that the guest reads: since 4.0 in single quotes, before in double quotes with nothing escaped. */
export function contextScript(context: Vector, quotes: 'single' | 'double'): string {
  const lines = [...context]
    .toSorted(([first], [second]) => byName(first, second))
    .map(([key, value]) =>
      quotes === 'single' ? `${key}='${value.replaceAll("'", String.raw`'\''`)}'\n` : `${key}="${value}"\n`,
    )
  return `# Context variables generated by OpenNebula\n${lines.join('')}`
}
