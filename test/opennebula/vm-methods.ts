import { actionOn } from './actions.ts'
import { demand } from './access.ts'
import type { Cloud } from './cloud.ts'
import { templateFrom, vmAt, type Method } from './method.ts'
import { refusal, type Vm } from './model.ts'
import { attachnic, detachnic } from './plugging.ts'
import { chosen } from './pools.ts'
import { isFailed, STATE_MAX, stateName } from './states.ts'
import { isWritable, mergeTemplates, vectorOf } from './template.ts'
import { shortVmXml, vmXml } from './vm-bodies.ts'
import { checkRestricted, openPassword, reconfigure } from './vms.ts'

const info: Method = (cloud, user, given) => {
  const vm = vmAt(cloud, given.int(), user, 'USE')
  if (!given.optionalBoolean(false)) return vmXml(vm, cloud.profile)
  demand(user, 'ADMIN', 'VM', vm)
  const template = vm.template.map((one) =>
    one.name === 'CONTEXT' && typeof one.value !== 'string' ? { ...one, value: openPassword(cloud, one.value) } : one,
  )
  return vmXml({ ...vm, template }, cloud.profile)
}

function poolOf(extended: boolean): Method {
  return (cloud, user, given) => {
    const asked = { filter: given.int(), start: given.int(), end: given.int() }
    const state = given.int()
    if (cloud.profile.modern && given.optionalString('') !== '')
      throw refusal(8192, 'Full text search is not supported by the SQL backend')
    if (asked.filter < -4 || state < -2 || state > STATE_MAX) throw refusal(4096, 'Incorrect filter_flag, state')
    const wanted = cloud.vms.filter((vm) => state === -2 || (state === -1 ? vm.state !== 6 : vm.state === state))
    return poolXml(cloud, chosen(wanted, user, asked), extended)
  }
}

const infoset: Method = (cloud, user, given) => {
  const ids = new Set(given.string().split(',').filter(Boolean).map(Number))
  const extended = given.boolean()
  const wanted = cloud.vms.filter(({ id }) => ids.has(id))
  return poolXml(cloud, chosen(wanted, user, { filter: -2, start: -1, end: -1 }), extended)
}

function poolXml({ profile }: Cloud, vms: readonly Vm[], extended: boolean): string {
  const full = extended || !profile.modern
  return `<VM_POOL>${vms.map((vm) => (full ? vmXml(vm, profile) : shortVmXml(vm))).join('')}</VM_POOL>`
}

const action: Method = (cloud, user, given) => {
  const name = given.string()
  const vm = vmAt(cloud, given.int(), user, 'MANAGE')
  const { step, code } = actionOn(name, vm, cloud.version)
  cloud.lifecycle.step(vm, step, code, user)
  return vm.id
}

const UPDATABLE = new Set(['PENDING', 'HOLD', 'POWEROFF', 'UNDEPLOYED', 'CLONING', 'RUNNING'])

const updateconf: Method = (cloud, user, given) => {
  const id = given.int()
  const source = given.string()
  // What is too much is not looked at.
  const kind = cloud.profile.mergesContext ? given.optionalInt(0) : 0
  if (kind !== 0 && kind !== 1) throw refusal(4096, 'Wrong update type')
  const template = templateFrom(cloud, source)
  const vm = vmAt(cloud, id, user, 'MANAGE')
  checkRestricted(user, template, undefined)
  const state = stateName(vm)
  if (!UPDATABLE.has(state)) throw refusal(8192, `configuration cannot be updated in state ${state}`)
  const context = vectorOf(template, 'CONTEXT')
  if (context !== undefined) {
    reconfigure(cloud, vm, context, kind === 1)
    if (state === 'RUNNING' && cloud.profile.changesLive) cloud.lifecycle.reconfigure(vm)
  }
  return id
}

const update: Method = (cloud, user, given) => {
  const vm = vmAt(cloud, given.int(), user, 'MANAGE')
  const source = given.string()
  const kind = given.int()
  if (kind !== 0 && kind !== 1) throw refusal(4096, 'Wrong update type')
  const template = templateFrom(cloud, source)
  checkRestricted(user, template, vm.userTemplate)
  if (!isWritable(template)) throw refusal(8192, 'Cannot update template. Error transforming the VM to XML.')
  vm.userTemplate = kind === 0 ? template : mergeTemplates(vm.userTemplate, template)
  return vm.id
}

const RECOVERIES = [
  'recover a failure',
  'recover a success',
  'perform a retry',
  'delete',
  'delete and recreate',
  'delete',
]

const recover: Method = (cloud, user, given) => {
  const vm = vmAt(cloud, given.int(), user, 'ADMIN')
  const operation = given.int()
  const what = RECOVERIES[operation]
  if (what === undefined) throw refusal(4096, 'Wrong recovery operation')
  const ends = operation === 3 || operation === 5
  if (ends ? vm.state === 6 : operation === 4 ? vm.state === 6 : !isFailed(vm))
    throw refusal(2048, `Could not ${what} on VM ${vm.id}, wrong state ${stateName(vm)}.`)
  if (ends) cloud.lifecycle.end(vm)
  else if (operation === 0) cloud.lifecycle.enter(vm, 3, 36)
  else cloud.lifecycle.pending(vm)
  return vm.id
}

const deploy: Method = (cloud, user, given) => {
  const vm = vmAt(cloud, given.int(), user, 'ADMIN')
  given.int()
  given.optionalBoolean(false)
  given.optionalInt(-1)
  given.optionalString('')
  if (vm.state !== 1 && vm.state !== 2)
    throw refusal(2048, `Cannot deploy virtual machine. Wrong state ${stateName(vm)}`)
  cloud.lifecycle.deploy(vm)
  return vm.id
}

/** What may be done with VMs that are there. */
export const VM_METHODS: Readonly<Record<string, Method>> = {
  'one.vm.info': info,
  'one.vm.action': action,
  'one.vm.attachnic': attachnic,
  'one.vm.deploy': deploy,
  'one.vm.detachnic': detachnic,
  'one.vm.recover': recover,
  'one.vm.update': update,
  'one.vm.updateconf': updateconf,
  'one.vmpool.info': poolOf(false),
  'one.vmpool.infoextended': poolOf(true),
  'one.vmpool.infoset': infoset,
}
