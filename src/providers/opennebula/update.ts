import { CloudError, isCloudError } from '../../model/errors.ts'
import type { Call } from '../provider.ts'
import type { OpenNebulaApi } from './api.ts'
import { toInteger, type OneRecord } from '../one-xml.ts'
import type { OneVm } from './api-vms.ts'
import { checkUserData, type UserDataLimit } from './capabilities.ts'
import { changedContext } from './context.ts'
import { isPlugging, PACE, phaseOf } from './states.ts'
import { toTemplateXml } from './template-xml.ts'
import { pollUntil } from '../polling.ts'

/** From then on a guest that runs gets another disk at once; before, at its next boot. */
const LIVE_SINCE: Version = [5, 12]
/** From then on parts of a CONTEXT that are not named can stay. */
const MERGES_SINCE: Version = [6, 2]

/**
 * Gives a VM other user data: its disk is made anew, and its guest sees the change of medium. All else of its CONTEXT stays,
 * or is sent again where what is not named would go.
 *
 * @throws {CloudError} too-large, conflict when the state does not allow it or it has no CONTEXT, unsupported where this
 *   OpenNebula would show it at the next boot alone
 * @see OpenNebula, XML-RPC API: one.vm.updateconf
 */
export async function changeContext(
  api: OpenNebulaApi,
  vm: OneVm,
  userData: Uint8Array | undefined,
  limit: UserDataLimit,
  call: Call,
): Promise<void> {
  const { id, context: current } = vm
  const { name } = limit
  checkUserData(userData, limit)
  if (!current)
    throw new CloudError('conflict', `VM ${id} was made without CONTEXT, and cannot get one any more; make another`)
  const version = await api.version(call)
  if (phaseOf(vm) === 'active' && !isSince(version, LIVE_SINCE))
    throw new CloudError(
      'unsupported',
      `${name}: OpenNebula ${version} gives a VM that runs other data at its next boot alone; stop it first`,
    )
  const { context, references } = changedContext(current, userData, await filesOf(api, vm, call))
  const beside = Object.entries(references)
  // What the CONTEXT refers to has to be there before it.
  if (beside.length > 0) await api.updateVm(id, toTemplateXml(beside), 'merge', call)
  // What the site alone may set is better not named.
  const mode = isSince(version, MERGES_SINCE) && keepsAll(current, context) ? 'merge' : 'replace'
  const named = mode === 'merge' ? differences(current, context) : context
  // It has them already; an empty CONTEXT would take all away.
  if (Object.keys(named).length === 0) return
  await api.updateConf(id, toTemplateXml([['CONTEXT', named]]), mode, call)
  await pollUntil(
    call,
    `${name}: update ${id}`,
    async () => (isPlugging(await api.vm(id, call)) ? undefined : true),
    PACE,
  )
}

// OpenNebula keeps them in any case.
const KEPT: ReadonlySet<string> = new Set(['DISK_ID', 'TARGET'])

function keepsAll(current: OneRecord, context: OneRecord): boolean {
  return Object.entries(current).every(([key, value]) => value === '' || KEPT.has(key) || Object.hasOwn(context, key))
}

function differences(current: OneRecord, context: OneRecord): OneRecord {
  return Object.fromEntries(Object.entries(context).filter(([key, value]) => current[key] !== value))
}

/** Which files its template has for it; nothing where it needs none, or none are to be had. */
async function filesOf(api: OpenNebulaApi, { context, template }: OneVm, call: Call): Promise<string | undefined> {
  const templateId = toInteger(template.single['TEMPLATE_ID'])
  if (!context?.['FILES_DS'] || templateId === undefined) return undefined
  try {
    return (await api.template(templateId, call)).context?.['FILES_DS']
  } catch (error) {
    if (!isCloudError(error, 'not-found') && !isCloudError(error, 'forbidden')) throw error
    return undefined
  }
}

type Version = readonly [major: number, minor: number]

function isSince(version: string, [sinceMajor, sinceMinor]: Version): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > sinceMajor || (major === sinceMajor && minor >= sinceMinor)
}
