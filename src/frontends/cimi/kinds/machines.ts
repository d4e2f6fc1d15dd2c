import type { Instance } from '../../../model/instance.ts'
import type { Service } from '../../../service/service.ts'
import type { Resource } from '../document.ts'
import type { Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { creationJobId, jobUrl } from './jobs.ts'
import { actOn } from './machine-actions.ts'
import { fromInstance, MACHINES, type Abilities } from './machine-map.ts'
import { machineParts } from './machine-parts.ts'
import { toNamed, toSpec, toTemplate } from './machine-spec.ts'
import { toRenaming } from './naming.ts'
import { withNewVolumes } from './new-volumes.ts'
import { referring } from './references.ts'

/** A provider that is not configured any more can do nothing. */
const UNABLE: Abilities = { actions: [], savesImages: false }

/** Our instances. */
export function machines(service: Service): Kind {
  const abilities = new Map(service.abilities().map((each) => [each.name, each]))
  const shown = (instance: Instance, exchange: Exchange): Resource =>
    fromInstance(instance, abilities.get(instance.provider) ?? UNABLE, exchange)

  return {
    path: MACHINES,
    type: 'Machine',
    collection: 'MachineCollection',
    link: 'machines',
    list: async (exchange) => (await service.list(exchange.caller)).map((instance) => () => shown(instance, exchange)),
    get: async (id, exchange) => shown(await service.get(id, exchange.caller), exchange),
    create: async (exchange) => {
      const wanted = exchange.read('MachineCreate')
      const template = await toTemplate(service, wanted, exchange)
      const made = await toSpec(service, template, exchange)
      const spec = { ...toNamed(wanted, made.userData), ...made }
      const { idempotencyKey, caller } = exchange
      const key = idempotencyKey === undefined ? {} : { idempotencyKey }
      const instance = await withNewVolumes(service, template.resource, spec, exchange, (links) =>
        referring(() => service.create({ spec: { ...spec, ...(links.length > 0 && { links }) }, ...key }, caller)),
      )
      for (const { message } of instance.plan.warnings) exchange.warn(message)
      return { resource: shown(instance, exchange), job: jobUrl(exchange, creationJobId(instance.id)) }
    },
    update: async (id, exchange) => {
      const change = toRenaming(exchange.read('Machine'), exchange.query)
      return shown(await service.rename(id, change, exchange.caller), exchange)
    },
    delete: (id, { caller }) => service.delete(id, caller),
    act: async (id, verb, exchange) => {
      const job = await actOn(service, await service.get(id, exchange.caller), verb, exchange)
      return job === undefined ? undefined : jobUrl(exchange, job)
    },
    within: (id) => machineParts(service, id),
  }
}
