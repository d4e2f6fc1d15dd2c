import { cards, isYes } from './context.ts'
import type { Cloud } from './cloud.ts'
import { plugNic } from './devices.ts'
import { templateFrom, vmAt, type Method } from './method.ts'
import { refusal, withKeys, type Vm } from './model.ts'
import { stateName } from './states.ts'
import { vectorOf, vectorsOf, type Attribute, type Vector } from './template.ts'
import { restrictedIn } from './vms.ts'

/** A card for a VM that is there. */
export const attachnic: Method = (cloud, user, given) => {
  const vm = vmAt(cloud, given.int(), user, 'MANAGE')
  const template = templateFrom(cloud, given.string())
  const restricted = user.groupId === 0 ? undefined : restrictedIn(template)
  if (restricted !== undefined) throw refusal(512, `NIC includes a restricted attribute ${restricted.part}`)
  refuseElsewhere(vm, 'add a new NIC to')
  const wanted = vectorOf(template, 'NIC')
  if (wanted === undefined) throw refusal(2048, 'Wrong format or missing NIC/NIC_ALIAS/PCI attribute')
  const nic = plugNic(wanted, vm, user, cloud)
  vm.template = [...vm.template, { name: 'NIC', value: nic }]
  tellCards(cloud, vm)
  cloud.lifecycle.plug(vm, (isDone) => {
    if (isDone) unmark(vm)
    else remove(cloud, vm, nic.get('NIC_ID') ?? '')
  })
  return vm.id
}

/** Takes a card away, by its number. */
export const detachnic: Method = (cloud, user, given) => {
  const vm = vmAt(cloud, given.int(), user, 'MANAGE')
  const nicId = String(given.int())
  refuseElsewhere(vm, 'detach NIC from')
  if (!vectorsOf(vm.template, 'NIC').some((nic) => nic.get('NIC_ID') === nicId))
    throw refusal(2048, `Could not detach NIC with NIC_ID ${nicId}, it does not exist.`)
  change(vm, (nic) => (nic.get('NIC_ID') === nicId ? withKeys(nic, [['ATTACH', 'YES']]) : nic))
  cloud.lifecycle.plug(vm, (isDone) => {
    if (isDone) remove(cloud, vm, nicId)
    else unmark(vm)
  })
  return vm.id
}

function refuseElsewhere(vm: Vm, what: string): void {
  const state = stateName(vm)
  if (state !== 'RUNNING' && state !== 'POWEROFF')
    throw refusal(2048, `Could not ${what} VM ${vm.id}, wrong state ${state}.`)
}

function unmark(vm: Vm): void {
  change(vm, (nic) => new Map([...nic].filter(([key]) => key !== 'ATTACH')))
}

function remove({ networks }: Cloud, vm: Vm, nicId: string): void {
  change(vm, (nic) => {
    if (nic.get('NIC_ID') !== nicId) return nic
    for (const network of networks)
      if (String(network.id) === nic.get('NETWORK_ID')) network.leases.delete(nic.get('IP') ?? '')
    return undefined
  })
  tell(vm, (context) => new Map([...context].filter(([key]) => !key.startsWith(`ETH${nicId}_`))))
}

/** The guest is told of each card where its context asks for that. */
function tellCards(cloud: Cloud, vm: Vm): void {
  tell(vm, (context) =>
    isYes(context.get('NETWORK'))
      ? withKeys(context, cards({ template: vm.template, networks: cloud.networks }))
      : context,
  )
}

function tell(vm: Vm, to: (context: Vector) => Vector): void {
  vm.template = vm.template.map((one): Attribute =>
    one.name === 'CONTEXT' && typeof one.value !== 'string' ? { ...one, value: to(one.value) } : one,
  )
}

function change(vm: Vm, to: (nic: Vector) => Vector | undefined): void {
  vm.template = vm.template.flatMap((one): readonly Attribute[] => {
    if (one.name !== 'NIC' || typeof one.value === 'string') return [one]
    const value = to(one.value)
    return value ? [{ ...one, value }] : []
  })
}
