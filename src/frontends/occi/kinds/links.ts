import { CloudError } from '../../../model/errors.ts'
import type { Link } from '../../../model/link.ts'
import type { Service } from '../../../service/service.ts'
import { ATTRIBUTES } from '../attributes.ts'
import { NETWORK_INTERFACE, STORAGE_LINK } from '../categories.ts'
import type { EntityKind } from '../entity-kind.ts'
import { toPath } from '../location.ts'
import { idsIn, idsLabel, LABELS } from './labels.ts'
import { fromLink, linkDefinitions, toLinkSpec } from './link-map.ts'
import { toRenaming } from './naming.ts'
import { requireSame } from './resource-mixins.ts'

/** Of each kind of link: what OCCI calls it, and what of it stays as it was made. */
const KINDS = {
  network: {
    kind: NETWORK_INTERFACE,
    settings: [
      ATTRIBUTES.source,
      ATTRIBUTES.target,
      ATTRIBUTES.mac,
      ATTRIBUTES.interfaceAddress,
      ATTRIBUTES.interfaceGateway,
      ATTRIBUTES.interfaceAllocation,
    ],
  },
  volume: {
    kind: STORAGE_LINK,
    settings: [ATTRIBUTES.source, ATTRIBUTES.target, ATTRIBUTES.deviceId, ATTRIBUTES.mountpoint],
  },
} as const

/** Our links to networks, or to volumes. */
export function linkKind({ links }: Pick<Service, 'links'>, of: keyof typeof KINDS): EntityKind<Link> {
  const { kind, settings } = KINDS[of]
  return {
    kind,
    list: async (caller) => (await links.list(caller)).filter((link) => link.kind === of),
    async get(id, caller) {
      const link = await links.get(id, caller)
      if (link.kind === of) return link
      throw new CloudError('not-found', `there is no ${kind.term} ${id.slice(0, 100)}`)
    },
    async prepare({ checked, ...choice }, { caller }) {
      const request = { ...choice, ...toLinkSpec(checked) }
      return async () => ({ entity: await links.create(request, caller), warnings: checked.warnings })
    },
    async update(link, checked, isWhole, { caller }) {
      const paths = [ATTRIBUTES.source.name, ATTRIBUTES.target.name].flatMap((name) => {
        const location = checked.attributes.get(name)
        return location === undefined ? [] : [[name, toPath(String(location))] as const]
      })
      const sent = { attributes: new Map([...checked.attributes, ...paths]) }
      requireSame(settings, sent, fromLink(link, []).attributes, `${kind.term} ${link.id}`)
      const change = toRenaming(checked, link.labels, isWhole)
      return { entity: await links.rename(link.id, change, caller), warnings: checked.warnings }
    },
    tag: ({ id }, mixins, { caller }) => links.rename(id, { labels: idsLabel(LABELS.tags, mixins) }, caller),
    delete: (id, { caller }) => links.delete(id, caller),
    allows: () => false,
    act: async (link) => ({ entity: link }),
    definitions: linkDefinitions,
    tags: ({ labels }) => idsIn(labels, LABELS.tags),
    async represent(all, exchange) {
      const usersMixins = await exchange.usersMixins()
      return all.map((link) => fromLink(link, usersMixins))
    },
  }
}
