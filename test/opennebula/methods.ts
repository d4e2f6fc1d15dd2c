import { demand, demandCreate, login } from './access.ts'
import { hostXml, imageXml, networkXml, userXml, vmTemplateXml } from './bodies.ts'
import type { Cloud } from './cloud.ts'
import { isRefusal, refusal, type Owned, type User } from './model.ts'
import { chosen } from './pools.ts'
import { objectAt, templateFrom, type Method } from './method.ts'
import { mergeTemplates } from './template.ts'
import { VM_METHODS } from './vm-methods.ts'
import { checkRestricted, createVm, openPassword } from './vms.ts'

const TEMPLATE = 'virtual machine template'

/** Prefixes what refuses a new VM. */
function making<T>(what: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (isRefusal(error) && error.failure === 16384)
      throw refusal(16384, `Error allocating a new ${what}. ${error.message}`)
    throw error
  }
}

function pool<T extends Owned>(
  name: string,
  of: (cloud: Cloud) => readonly T[],
  body: (one: T, user: User, cloud: Cloud) => string,
): Method {
  return (cloud, user, given) => {
    const asked = { filter: given.int(), start: given.int(), end: given.int() }
    const bodies = chosen(of(cloud), user, asked).map((one) => body(one, user, cloud))
    return `<${name}>${bodies.join('')}</${name}>`
  }
}

const instantiate: Method = (cloud, user, given) => {
  const base = objectAt(cloud.templates, given.int(), TEMPLATE, user, 'USE', 'TEMPLATE')
  const name = given.string()
  const hold = given.optionalBoolean(false)
  const source = given.optionalString('')
  given.optionalBoolean(false)
  const extra = templateFrom(cloud, source)
  checkRestricted(user, extra, base.template)
  if (source !== '') demandCreate(user, 'TEMPLATE')
  const template = [
    ...mergeTemplates(base.template, extra).filter(({ name: key }) => key !== 'NAME' && key !== 'TEMPLATE_ID'),
    { name: 'TEMPLATE_ID', value: String(base.id) },
  ]
  return making(TEMPLATE, () => createVm(cloud, user, { template, name, prefix: base.name, hold })).id
}

const allocate: Method = (cloud, user, given) => {
  const source = given.string()
  const hold = cloud.profile.allocateTakesHold ? given.optionalBoolean(false) : false
  if (!cloud.profile.allocateTakesHold) given.end()
  const template = mergeTemplates([], templateFrom(cloud, source))
  if (!cloud.profile.oneTemplate) checkRestricted(user, template, undefined)
  demandCreate(user, 'VM')
  const named = template.find(({ name }) => name === 'NAME')?.value
  const name = typeof named === 'string' ? named : ''
  return making('virtual machine', () => createVm(cloud, user, { template, name, prefix: 'one', hold })).id
}

const templateInfo: Method = (cloud, user, given) => {
  const found = objectAt(cloud.templates, given.int(), TEMPLATE, user, 'USE', 'TEMPLATE')
  given.optionalBoolean(false)
  if (!given.optionalBoolean(false)) return vmTemplateXml(found)
  demand(user, 'ADMIN', 'TEMPLATE', found)
  const template = found.template.map((one) =>
    one.name === 'CONTEXT' && typeof one.value !== 'string' ? { ...one, value: openPassword(cloud, one.value) } : one,
  )
  return vmTemplateXml({ ...found, template })
}

const userInfo: Method = (cloud, user, given) => {
  const id = given.optionalInt(-1)
  const found = id === -1 ? user : cloud.users.find((one) => one.id === id)
  if (found === undefined) throw refusal(1024, `Error getting user [${id}].`, id)
  if (found !== user && user.groupId !== 0)
    throw refusal(512, `User [${user.id}] : Not authorized to perform USE USER [${id}].`)
  return userXml(found)
}

const userLogin: Method = (cloud, user, given) => {
  const name = given.string()
  const token = given.string()
  const seconds = given.int()
  given.optionalInt(-1)
  const found = cloud.users.find((one) => one.name === name)
  if (found === undefined) throw refusal(1024, `Error getting user [${name}].`)
  if (found !== user && user.groupId !== 0)
    throw refusal(512, `User [${user.id}] : Not authorized to perform MANAGE USER [${found.id}].`)
  return login(found, token, seconds)
}

/** What may be called, by name. */
export const METHODS: Readonly<Record<string, Method>> = {
  'one.system.version': ({ profile }) => profile.release,
  'one.user.info': userInfo,
  'one.user.login': userLogin,
  'one.template.info': templateInfo,
  'one.template.instantiate': instantiate,
  'one.templatepool.info': pool('VMTEMPLATE_POOL', ({ templates }) => templates, vmTemplateXml),
  // It takes neither filter nor range.
  'one.hostpool.info': ({ hosts }, user) => {
    const seen = chosen(hosts, user, { filter: -2, start: -1, end: -1 })
    return `<HOST_POOL>${seen.map(hostXml).join('')}</HOST_POOL>`
  },
  'one.imagepool.info': pool('IMAGE_POOL', ({ images }) => images, imageXml),
  'one.vn.info': (cloud, user, given) =>
    networkXml(
      objectAt(cloud.networks, given.int(), 'virtual network', user, 'USE', 'NET'),
      user,
      'single',
      cloud.profile,
    ),
  'one.vnpool.info': pool(
    'VNET_POOL',
    ({ networks }) => networks,
    (network, user, { profile }) => networkXml(network, user, 'pool', profile),
  ),
  'one.vm.allocate': allocate,
  ...VM_METHODS,
}
