import { randomUUID } from 'node:crypto'
import { attachDisks, attachNics } from './devices.ts'
import { completeContext } from './context.ts'
import { release } from './leases.ts'
import { refusal, withKeys, type User, type Vm } from './model.ts'
import { isWritable, valueOf, vectorOf, vectorsOf, type Attribute, type Template, type Vector } from './template.ts'
import type { Cloud } from './cloud.ts'

/** Attributes that the front end understands; all others are the user's own. */
const UNDERSTOOD = new Set(['CPU', 'MEMORY', 'VCPU', 'OS', 'FEATURES', 'INPUT', 'RAW', 'GRAPHICS', 'VIDEO', 'PCI', 'TOPOLOGY', 'CPU_MODEL', 'EMULATOR', 'TEMPLATE_ID', 'UUID']) // prettier-ignore

/** What a plain user may not set, or must leave as the template has it. */
const RESTRICTED = ['CONTEXT/FILES', 'NIC/MAC', 'NIC/VLAN_ID', 'NIC/BRIDGE', 'NIC_DEFAULT/MAC', 'NIC_DEFAULT/VLAN_ID', 'NIC_DEFAULT/BRIDGE', 'DISK/TOTAL_BYTES_SEC', 'DISK/READ_BYTES_SEC', 'DISK/WRITE_BYTES_SEC', 'DISK/TOTAL_IOPS_SEC', 'DISK/READ_IOPS_SEC', 'DISK/WRITE_IOPS_SEC', 'DISK/OPENNEBULA_MANAGED', 'CPU_COST', 'MEMORY_COST', 'DISK_COST', 'PCI', 'EMULATOR', 'USER_PRIORITY'] // prettier-ignore

const NAME_MAX_CHARACTERS = 128
const EVERY_RULE = ['OUTBOUND', 'INBOUND'].map((direction): Attribute => ({
  name: 'SECURITY_GROUP_RULE',
  value: new Map([
    ['PROTOCOL', 'ALL'],
    ['RULE_TYPE', direction],
    ['SECURITY_GROUP_ID', '0'],
    ['SECURITY_GROUP_NAME', 'default'],
  ]),
}))

/** What a VM is made from. */
export interface Order {
  readonly template: Template
  /** Empty: the front end finds one. */
  readonly name: string
  /** How that begins. */
  readonly prefix: string
  readonly hold: boolean
}

/**
 * Makes a VM.
 *
 * @throws {Refusal} 512 over quota, 8192 for a disk that is none, 16384 for whatever else cannot be made
 */
export function createVm(cloud: Cloud, owner: User, { template, name, prefix, hold }: Order): Vm {
  const id = cloud.vms.length
  const own = cloud.vms.filter((vm) => vm.owner.id === owner.id && vm.state !== 6).length
  if (owner.vmQuota !== undefined && own >= owner.vmQuota)
    throw refusal(512, `User [${owner.id}] : user [${owner.id}] limit of ${owner.vmQuota} reached for VMS quota in VM.`)
  const chosen = name === '' ? `${prefix}-${id}` : name
  checkName(chosen)
  try {
    const completed = complete(cloud, owner, id, chosen, template)
    const vm: Vm = {
      id,
      name: chosen,
      owner,
      mode: '600',
      uuid: randomUUID(),
      started: Math.floor(Date.now() / 1000),
      ended: 0,
      state: 1,
      lcmState: 0,
      previous: [1, 0],
      deployId: '',
      history: [],
      locked: false,
      disk: undefined,
      ...completed,
    }
    if (!isWritable([...vm.template, ...vm.userTemplate])) throw refusal(16384, 'Error transforming the VM to XML.')
    cloud.vms.push(vm)
    if (hold) cloud.lifecycle.enter(vm, 2)
    else cloud.lifecycle.pending(vm)
    return vm
  } catch (error) {
    for (const network of cloud.networks) release(network, id)
    throw error
  }
}

function checkName(name: string): void {
  const wrong = /[&|:\\";/'#{}$<>]/.exec(name)?.[0]
  if (wrong !== undefined) throw refusal(16384, `Invalid NAME, char '${wrong}' is not allowed`)
  if (name.length > NAME_MAX_CHARACTERS)
    throw refusal(16384, `Invalid NAME, max length is ${NAME_MAX_CHARACTERS} chars.`)
}

function complete(
  cloud: Cloud,
  owner: User,
  vmId: number,
  vmName: string,
  given: Template,
): Pick<Vm, 'template' | 'userTemplate'> {
  const nics = given.flatMap(({ name, value }) =>
    typeof value !== 'string' && (name === 'NIC' || name === 'NIC_ALIAS')
      ? [{ alias: name === 'NIC_ALIAS', vector: value }]
      : [],
  )
  const cards = attachNics(nics, vmId, owner, cloud)
  const disks = attachDisks(vectorsOf(given, 'DISK'), owner, cloud)
  const os = vectorOf(given, 'OS') ?? new Map<string, string>()
  const clusters = '("CLUSTERS/ID" @> 0)'
  const inCluster = cards.length > 0 || disks.some(({ value }) => typeof value !== 'string' && value.has('IMAGE_ID'))
  const template: Template = [
    ...given.filter(({ name }) => UNDERSTOOD.has(name) && name !== 'OS'),
    ...(inCluster ? [{ name: 'AUTOMATIC_DS_REQUIREMENTS', value: clusters }] : []),
    ...(cards.length > 0 ? [{ name: 'AUTOMATIC_NIC_REQUIREMENTS', value: clusters }] : []),
    {
      name: 'AUTOMATIC_REQUIREMENTS',
      value: `${inCluster ? '(CLUSTER_ID = 0) & ' : ''}!(PUBLIC_CLOUD = YES) & !(PIN_POLICY = PINNED)`,
    },
    { name: 'OS', value: withKeys(os, [['UUID', randomUUID()]]) },
    { name: 'VMID', value: String(vmId) },
    ...disks,
    ...cards,
    ...(cards.length > 0 ? EVERY_RULE : []),
  ]
  const userTemplate = given.filter(
    ({ name }) => !UNDERSTOOD.has(name) && !['NAME', 'DISK', 'NIC', 'NIC_ALIAS', 'CONTEXT'].includes(name),
  )
  const context = vectorOf(given, 'CONTEXT')
  if (context === undefined) return { template, userTemplate }
  const target = context.get('TARGET') ?? contextTarget(context, disks, cloud.profile.contextTarget)
  const scope = { vmId, vmName, owner, template, userTemplate, images: cloud.images, networks: cloud.networks }
  const made = completeContext(
    withKeys(openPassword(cloud, context), [
      ['DISK_ID', String(disks.length)],
      ['TARGET', target],
    ]),
    scopeFor(cloud, scope),
    cloud.contextRules,
    16384,
  )
  return { template: [...template, { name: 'CONTEXT', value: closePassword(cloud, made) }], userTemplate }
}

/** Older front ends do not look at the user's own attributes; with one template all are the VM's. */
function scopeFor<T extends Pick<Vm, 'template' | 'userTemplate'>>({ profile }: Cloud, scope: T): T {
  if (profile.oneTemplate) return { ...scope, template: [...scope.template, ...scope.userTemplate] }
  return profile.readsUserTemplate ? scope : { ...scope, userTemplate: [] }
}

/** The usual one, or with a prefix of the context's own the first that no disk has. */
function contextTarget(context: Vector, disks: readonly Attribute[], usual: string): string {
  const prefix = context.get('DEV_PREFIX')
  if (prefix === undefined) return usual
  const used = new Set(disks.map(({ value }) => (typeof value === 'string' ? undefined : value.get('TARGET'))))
  return ['a', 'b', 'c', 'd', 'e', 'f'].map((letter) => prefix + letter).find((name) => !used.has(name)) ?? usual
}

/** Ciphertext that was sent back as it was read becomes clear again, once. */
export function openPassword({ secrets }: Cloud, context: Vector): Vector {
  const password = context.get('PASSWORD')
  const clear = password === undefined ? undefined : secrets.get(password)
  return clear === undefined ? context : withKeys(context, [['PASSWORD', clear]])
}

/** The password of a context is stored as ciphertext. */
export function closePassword(cloud: Cloud, context: Vector): Vector {
  const password = context.get('PASSWORD')
  return password === undefined ? context : withKeys(context, [['PASSWORD', cloud.encrypt(password)]])
}

/**
 * Replaces a VM's context, or adds to it. Only what is given now is read for variables.
 *
 * @throws {Refusal} 8192
 */
export function reconfigure(cloud: Cloud, vm: Vm, given: Vector, append: boolean): void {
  const old = vectorOf(vm.template, 'CONTEXT')
  if (old === undefined) throw refusal(8192, 'Virtual machine does not have context')
  const fixed = ['DISK_ID', 'TARGET'].map((key) => [key, old.get(key) ?? ''] as const)
  const added = completeContext(
    withKeys(openPassword(cloud, given), fixed),
    scopeFor(cloud, { ...vm, vmId: vm.id, vmName: vm.name, images: cloud.images, networks: cloud.networks }),
    cloud.contextRules,
    8192,
  )
  const context = append ? withKeys(old, closePassword(cloud, added)) : closePassword(cloud, added)
  if (!isWritable([{ name: 'CONTEXT', value: context }])) throw refusal(8192, 'Error transforming the VM to XML.')
  vm.template = [...vm.template.filter(({ name }) => name !== 'CONTEXT'), { name: 'CONTEXT', value: context }]
}

/**
 * A plain user sends none of these, or what the template has.
 *
 * @throws {Refusal} 512
 */
export function checkRestricted(user: User, given: Template, base: Template | undefined): void {
  const key = user.groupId === 0 ? undefined : restrictedIn(given, base)
  if (key === undefined) return
  throw refusal(
    512,
    base === undefined
      ? `User [${user.id}] : VM Template includes a restricted attribute ${key.part}.`
      : `User [${user.id}] : User Template includes a restricted attribute ${key.name}.`,
  )
}

/** The first attribute of a template that the site alone may set. @param base what a template has already may stay as it is */
export function restrictedIn(
  given: Template,
  base: Template = [],
): { readonly name: string; readonly part: string } | undefined {
  for (const path of RESTRICTED) {
    const [name = '', key] = path.split('/')
    if (!given.some((one) => one.name === name)) continue
    const isSame = restrictedValues(given, name, key).join('\0') === restrictedValues(base, name, key).join('\0')
    if (!isSame) return { name, part: key ?? name }
  }
  return undefined
}

function restrictedValues(template: Template, name: string, key: string | undefined): readonly string[] {
  if (key === undefined) {
    const value = valueOf(template, name)
    return value === undefined ? vectorsOf(template, name).map((vector) => [...vector].join('\0')) : [value]
  }
  return vectorsOf(template, name).flatMap((vector) => vector.get(key) ?? [])
}
