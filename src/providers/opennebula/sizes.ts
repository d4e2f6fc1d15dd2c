import type { Size } from '../../model/instance.ts'
import { toInteger } from '../one-xml.ts'
import { toSize, type SizeOption } from '../site-sizes.ts'
import type { OneTemplate } from './api-vms.ts'

/** A size of the site's, and what OpenNebula gives for it. */
export interface OneSizeOption extends SizeOption {
  /** So many physical cores are set aside for it (default: as many as it sees). */
  readonly cpu?: number
}

/** The sizes of a site that names none. */
export const SIZES: readonly OneSizeOption[] = [
  { id: 'small', cores: 1, memoryMiB: 1024 },
  { id: 'medium', cores: 2, memoryMiB: 2048 },
  { id: 'large', cores: 4, memoryMiB: 4096 },
]

const AS_TEMPLATE = 'template-'

/** The sizes that are to be had: the site's own first, then each template's own capacity. */
export function toSizes(
  provider: string,
  options: readonly OneSizeOption[],
  templates: readonly OneTemplate[],
): readonly Size[] {
  const ofTemplates = templates.flatMap(({ id, name, attributes: { single } }) => {
    const memoryMiB = toInteger(single['MEMORY'])
    // What does not say it is given one.
    const cores = toInteger(single['VCPU']) ?? 1
    if (memoryMiB === undefined || memoryMiB <= 0 || cores <= 0) return []
    return [{ ...toSize(provider, { id: `${AS_TEMPLATE}${id}`, cores, memoryMiB }), title: `template ${name}` }]
  })
  return [...options.map((option) => toSize(provider, option)), ...ofTemplates]
}

/** What a VM takes of its host. */
export interface Taken {
  /** In hundredths of a core. */
  readonly cpuPercent: number
  readonly memoryMiB: number
}

/** What a VM of a size takes of its host; nothing where its template does not say. */
export function takenBy(size: Size, template: OneTemplate, options: readonly OneSizeOption[]): Taken | undefined {
  const own = template.attributes.single
  const { CPU, MEMORY } = { ...own, ...Object.fromEntries(capacityOf(size, template.id, options)) }
  const [cpu, memoryMiB] = [Number(CPU ?? ''), toInteger(MEMORY)]
  if (!(cpu > 0) || memoryMiB === undefined) return undefined
  return { cpuPercent: Math.floor(cpu * 100), memoryMiB }
}

/** What a VM needs in place of its template's, so that it has the size; nothing where it has it already. */
export function capacityOf(
  { remoteId, cores, memoryMiB }: Size,
  templateId: number,
  options: readonly OneSizeOption[],
): readonly (readonly [name: string, value: string])[] {
  if (remoteId === `${AS_TEMPLATE}${templateId}`) return []
  const cpu = options.find(({ id }) => id === remoteId)?.cpu ?? cores
  return [
    ['CPU', String(cpu)],
    ['VCPU', String(cores)],
    ['MEMORY', String(memoryMiB)],
  ]
}
