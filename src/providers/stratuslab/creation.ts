import { CloudError, isCloudError, reasonOf } from '../../model/errors.ts'
import { checkFiles } from '../limits.ts'
import type { Call, Capabilities, CreateRequest } from '../provider.ts'
import type { StratusLabApi } from './api.ts'
import type { LabNetwork, LabVm } from './api-bodies.ts'
import { contextOf } from './context.ts'
import { sourceOf, type ImageOption, type ImagePlaces } from './images.ts'
import { methodFor, type MethodRules } from './method.ts'
import { toNic } from './networks.ts'
import type { SizeOption } from './sizes.ts'
import { stateOf } from './states.ts'
import { renderTemplate, type TemplateAttribute, type TemplatePart } from './template.ts'
import { OUR_ID, ourIdOf, toVmName } from './vm.ts'

/** How VMs are made. */
export interface CreationOptions extends MethodRules, ImagePlaces {
  /** The provider's name. */
  readonly name: string
  readonly capabilities: Pick<Capabilities, 'files' | 'otherWays'>
  readonly images: readonly ImageOption[]
  readonly sizes: readonly SizeOption[]
  /** Where a VM is put that no user puts anywhere. */
  readonly network: string
}

/** Whose StratusLab's networks are. */
const NETWORK_OWNER = 'oneadmin'

/** Those of ours that bear the id and are not deleted, the one that was made first at the end. */
export async function findAll(api: StratusLabApi, ourId: string, call: Call): Promise<readonly LabVm[]> {
  return bearing(await api.vms('there', call), ourId).filter((vm) => stateOf(vm) !== 'deleted')
}

function bearing(vms: readonly LabVm[], ourId: string): readonly LabVm[] {
  return vms.filter((vm) => ourIdOf(vm) === ourId).toSorted((a, b) => b.id - a.id)
}

/**
 * Makes a VM, unless there is one with its id. Whatever would not reach the guest whole is refused before.
 *
 * @throws {CloudError} conflict where it was there and was deleted; as {@link methodFor} and {@link contextOf}; what StratusLab
 *   refuses with
 */
export async function makeVm(
  api: StratusLabApi,
  request: CreateRequest,
  options: CreationOptions,
  call: Call,
): Promise<LabVm> {
  const { id, spec, networks = [] } = request
  const { name, capabilities } = options
  const { files: limit, otherWays } = capabilities
  if (limit) checkFiles(spec.files, { who: name, limit, otherWays })
  const context = contextOf(spec, methodFor(spec, options), name)
  const template = renderTemplate([
    ...machineOf(request, options),
    ...nicsOf(networks.length === 0 ? [] : await api.networks(call), request, options),
    ['CONTEXT', context],
  ])
  const [earlier] = bearing(await api.vms('ever', call), id).toReversed()
  if (earlier && stateOf(earlier) === 'deleted')
    throw new CloudError('conflict', `VM ${earlier.id} was made for instance ${id}, and is deleted`)
  return await seen(api, earlier?.id ?? (await api.allocate(template, call)), name, call)
}

/** What was made may well be there, even where it is not seen. */
async function seen(api: StratusLabApi, vmId: number, name: string, call: Call): Promise<LabVm> {
  try {
    return await api.vm(vmId, call)
  } catch (cause) {
    if (isCloudError(cause, 'timeout')) throw cause
    throw new CloudError('unavailable', `${name}: VM ${vmId} is there, but cannot be seen: ${reasonOf(cause)}`, {
      cause,
    })
  }
}

function machineOf({ id, spec, size, image }: CreateRequest, options: CreationOptions): readonly TemplateAttribute[] {
  const { format = 'raw', target = 'hda' } = options.images.find((each) => each.id === image.remoteId) ?? {}
  const swapMiB = options.sizes.find((each) => each.id === size.remoteId)?.swapMiB ?? 0
  return [
    ['CPU', String(size.cores)],
    ['VCPU', String(size.cores)],
    ['MEMORY', String(size.memoryMiB)],
    ['RANK', '- RUNNING_VMS'],
    ['NAME', toVmName(spec.name ?? spec.hostname ?? '', id)],
    // The guest reads it as its machine's own, in its SMBIOS.
    ['UUID', id],
    [OUR_ID, id],
    [
      'DISK',
      [
        ['source', sourceOf(image.remoteId, options)],
        ['target', target],
        ['save', 'no'],
        // A disk for reading alone breaks contextualization.
        ['readonly', 'no'],
        ['driver', format],
      ],
    ],
    ...(swapMiB > 0 ? [['DISK', swapOf(swapMiB, target)] as const] : []),
  ]
}

function swapOf(swapMiB: number, target: string): readonly TemplatePart[] {
  return [
    ['type', 'swap'],
    ['size', String(swapMiB)],
    ['target', target.replace(/a$/, 'b')],
    ['readonly', 'no'],
  ]
}

function nicsOf(
  known: readonly LabNetwork[],
  { networks = [] }: CreateRequest,
  { network }: CreationOptions,
): readonly TemplateAttribute[] {
  if (networks.length > 0) return networks.map((each) => ['NIC', toNic(known, each)] as const)
  return [
    [
      'NIC',
      [
        ['network_uname', NETWORK_OWNER],
        ['network', network],
      ],
    ],
  ]
}
