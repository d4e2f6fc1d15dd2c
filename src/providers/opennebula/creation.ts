import { CloudError } from '../../model/errors.ts'
import { checkFiles } from '../limits.ts'
import { OUR_ID, type OurVms } from '../one-vms.ts'
import { toOneId, type OneRecord } from '../one-xml.ts'
import type { Call, Capabilities, CreateRequest } from '../provider.ts'
import type { OpenNebulaApi } from './api.ts'
import type { OneTemplate, OneVm } from './api-vms.ts'
import { checkUserData, type UserDataLimit } from './capabilities.ts'
import { newContext } from './context.ts'
import { checkHosts, type KnownHosts } from './hosts.ts'
import { toNic } from './networks.ts'
import { capacityOf, takenBy, type OneSizeOption } from './sizes.ts'
import { toTemplateXml, type TemplateAttribute } from './template-xml.ts'
import { toVmName } from './values.ts'
import { labelFor } from './vm.ts'

/** How VMs are made. */
export interface CreationOptions extends UserDataLimit {
  readonly capabilities: Capabilities
  readonly sizes: readonly OneSizeOption[]
  readonly hosts: KnownHosts
  /** Ids of the templates whose guests get a script among the user data as one-context's start script, too. */
  readonly startScripts: ReadonlySet<string>
}

/**
 * Makes a VM, unless there is one with its id. Whatever would not reach the guest whole is refused before.
 *
 * @throws {CloudError} conflict where it was there and was deleted; as {@link newContext} and {@link checkHosts}; what
 *   OpenNebula refuses with
 */
export async function makeVm(
  api: OpenNebulaApi,
  vms: OurVms<OneVm>,
  request: CreateRequest,
  options: CreationOptions,
  call: Call,
): Promise<OneVm> {
  const { id, spec, image, size } = request
  const { name, capabilities, sizes, hosts } = options
  const { files: limit, otherWays } = capabilities
  checkUserData(spec.userData, options)
  if (limit) checkFiles(spec.files, { who: name, limit, otherWays })
  const templateId = toOneId(image.remoteId)
  if (templateId === undefined) throw new CloudError('not-found', `${name}: there is no template ${image.remoteId}`)
  const make = async () => {
    const [template, known] = await Promise.all([api.template(templateId, call), hosts(call)])
    const taken = takenBy(size, template, sizes)
    if (taken) checkHosts(known, taken, `${name}: size ${size.name}`)
    const extra = toTemplateXml(extraOf(request, template, options))
    const title = toVmName(spec.name ?? spec.hostname ?? '')
    return await api.instantiate(templateId, { name: title === '' ? `bellhop-${id.slice(0, 8)}` : title, extra }, call)
  }
  return await vms.makeOnce(id, make, call)
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
