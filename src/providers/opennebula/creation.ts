import { CloudError, isCloudError, reasonOf } from '../../model/errors.ts'
import { checkFiles } from '../limits.ts'
import type { Call, Capabilities, CreateRequest } from '../provider.ts'
import type { OpenNebulaApi } from './api.ts'
import type { OneRecord } from './api-attributes.ts'
import type { OneTemplate, OneVm } from './api-vms.ts'
import { checkUserData, type UserDataLimit } from './capabilities.ts'
import { newContext } from './context.ts'
import { capacityOf, type SizeOption } from './sizes.ts'
import { phaseOf } from './states.ts'
import { toTemplateXml, type TemplateAttribute } from './template-xml.ts'
import { toVmName } from './values.ts'
import { labelFor, OUR_ID, OUR_LINK, ourIdOf, toOneId } from './vm.ts'

/** How VMs are made. */
export interface CreationOptions extends UserDataLimit {
  readonly capabilities: Capabilities
  readonly sizes: readonly SizeOption[]
  /** Ids of the templates whose guests get a script among the user data as one-context's start script, too. */
  readonly startScripts: ReadonlySet<string>
}

// A VM of ours that was deleted meanwhile is among the newest.
const RECENT_ROWS = 500
const ANY_STATE = -2

/** Those of ours that bear the id and are not deleted, the one that was made first at the end. */
export async function findAll(api: OpenNebulaApi, ourId: string, call: Call): Promise<readonly OneVm[]> {
  const found = (await api.vms({}, call)).filter((vm) => ourIdOf(vm) === ourId)
  return found.toSorted((a, b) => b.id - a.id)
}

/**
 * Makes a VM, unless there is one with its id. Whatever would not reach the guest whole is refused before.
 *
 * @throws {CloudError} conflict where it was there and was deleted; as {@link newContext}; what OpenNebula refuses with
 */
export async function makeVm(
  api: OpenNebulaApi,
  request: CreateRequest,
  options: CreationOptions,
  call: Call,
): Promise<OneVm> {
  const { id, spec, image } = request
  const { name, capabilities } = options
  const { files: limit, otherWays } = capabilities
  checkUserData(spec.userData, options)
  if (limit) checkFiles(spec.files, { who: name, limit, otherWays })
  const templateId = toOneId(image.remoteId)
  if (templateId === undefined) throw new CloudError('not-found', `${name}: there is no template ${image.remoteId}`)
  const earlier = await findEarlier(api, id, call)
  if (earlier) return await seen(api, earlier.id, name, call)
  const extra = toTemplateXml(extraOf(request, await api.template(templateId, call), options))
  const title = toVmName(spec.name ?? spec.hostname ?? '')
  const vmName = title === '' ? `bellhop-${id.slice(0, 8)}` : title
  return await seen(api, await api.instantiate(templateId, { name: vmName, extra }, call), name, call)
}

/** Deleted ones count: nobody wants another in their place. */
async function findEarlier(api: OpenNebulaApi, ourId: string, call: Call): Promise<OneVm | undefined> {
  const there = (await findAll(api, ourId, call)).at(-1)
  if (there) return there
  const recent = await api.vms({ state: ANY_STATE, range: [0, -RECENT_ROWS] }, call)
  const gone = recent.find((vm) => ourIdOf(vm) === ourId)
  if (gone && phaseOf(gone) !== 'deleted') return gone
  if (gone) throw new CloudError('conflict', `VM ${gone.id} was made for instance ${ourId}, and is deleted`)
  return undefined
}

/** What was made may well be there, even where it is not seen. */
async function seen(api: OpenNebulaApi, vmId: number, name: string, call: Call): Promise<OneVm> {
  try {
    return await api.vm(vmId, call)
  } catch (cause) {
    if (isCloudError(cause, 'timeout')) throw cause
    throw new CloudError('unavailable', `${name}: VM ${vmId} is there, but cannot be seen: ${reasonOf(cause)}`, {
      cause,
    })
  }
}

/** Each attribute takes the place of the template's of that name, whole. */
function extraOf(
  { id, spec, size, networks = [] }: CreateRequest,
  template: OneTemplate,
  { sizes, startScripts }: CreationOptions,
): readonly TemplateAttribute[] {
  const { single, vectors } = template.attributes
  const isStartScript = startScripts.has(String(template.id))
  const { context, references } = newContext(template.context ?? {}, { ...spec, isStartScript })
  const labels = single['LABELS'] ?? ''
  return [
    ...capacityOf(size, template.id, sizes),
    ['CONTEXT', context],
    ...Object.entries(references),
    ...(networks.length === 0 ? [] : [...(vectors['NIC'] ?? []), ...networks.map(toNic)].map(asNic)),
    [OUR_ID, id],
    ['LABELS', labels === '' ? labelFor(id) : `${labels},${labelFor(id)}`],
  ]
}

function asNic(nic: OneRecord): TemplateAttribute {
  return ['NIC', nic]
}

function toNic({ linkId, networkRemoteId, mac, address }: NonNullable<CreateRequest['networks']>[number]): OneRecord {
  return {
    NETWORK_ID: networkRemoteId,
    [OUR_LINK]: linkId,
    ...(address === undefined ? {} : { [address.includes(':') ? 'IP6' : 'IP']: address }),
    ...(mac === undefined ? {} : { MAC: mac }),
  }
}
