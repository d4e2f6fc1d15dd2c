import { checkFiles } from '../limits.ts'
import { OUR_ID, type OurVms } from '../one-vms.ts'
import type { Call, Capabilities, CreateRequest } from '../provider.ts'
import type { StratusLabApi } from './api.ts'
import type { LabNetwork, LabVm } from './api-bodies.ts'
import { contextOf } from './context.ts'
import { sourceOf, type ImageOption, type ImagePlaces } from './images.ts'
import { methodFor, type MethodRules } from './method.ts'
import { toNic } from './networks.ts'
import type { LabSizeOption } from './sizes.ts'
import { renderTemplate, type TemplateAttribute, type TemplatePart } from './template.ts'
import { toVmName } from './vm.ts'

/** How VMs are made. */
export interface CreationOptions extends MethodRules, ImagePlaces {
  /** The provider's name. */
  readonly name: string
  readonly capabilities: Pick<Capabilities, 'files' | 'otherWays'>
  readonly images: readonly ImageOption[]
  readonly sizes: readonly LabSizeOption[]
  /** Where a VM is put that no user puts anywhere. */
  readonly network: string
}

/** Whose StratusLab's networks are. */
const NETWORK_OWNER = 'oneadmin'

/**
 * Makes a VM, unless there is one with its id. Whatever would not reach the guest whole is refused before.
 *
 * @throws {CloudError} conflict where it was there and was deleted; as {@link methodFor} and {@link contextOf}; what StratusLab
 *   refuses with
 */
export async function makeVm(
  api: StratusLabApi,
  vms: OurVms<LabVm>,
  request: CreateRequest,
  options: CreationOptions,
  call: Call,
): Promise<LabVm> {
  const { id, spec, networks = [] } = request
  const { name, capabilities } = options
  const { files: limit, otherWays } = capabilities
  if (limit) checkFiles(spec.files, { who: name, limit, otherWays })
  const context = contextOf(spec, methodFor(request, options), name)
  const template = renderTemplate([
    ...machineOf(request, options),
    ...nicsOf(networks.length === 0 ? [] : await api.networks(call), request, options),
    ['CONTEXT', context],
  ])
  return await vms.makeOnce(id, () => api.allocate(template, call), call)
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
