import { CloudError } from '../../../model/errors.ts'
import type { Volume, VolumeAction, VolumeState } from '../../../model/volume.ts'
import type { Service } from '../../../service/service.ts'
import { ATTRIBUTES } from '../attributes.ts'
import { toReference } from '../catalogue.ts'
import { providerMixin, STORAGE, STORAGE_ACTIONS, type Definition } from '../categories.ts'
import type { CheckedEntity } from '../check.ts'
import type { EntityKind } from '../entity-kind.ts'
import { toPlainText, type Representation, type Value } from '../representation.ts'
import { actionLinks } from './action-links.ts'
import { idsIn, idsLabel, LABELS, tagsOf } from './labels.ts'
import { namingAttributes, toNaming, toRenaming } from './naming.ts'
import { providerOf, requireSame } from './resource-mixins.ts'

const BYTES_PER_GIB = 1024 ** 3
const SECTOR_BYTES = 512

/** OCCI has no word for what is on its way: it is `offline`, and the message says why. */
const STATES: Readonly<Record<VolumeState, readonly [state: 'online' | 'offline' | 'error', message?: string]>> = {
  creating: ['offline', 'it is being made'],
  online: ['online'],
  offline: ['offline'],
  deleting: ['offline', 'it is being deleted'],
  error: ['error'],
  unknown: ['offline', 'its cloud does not tell its state'],
}

const ACTIONS = {
  online: ['offline', 'backup', 'snapshot', 'resize'],
  offline: ['online', 'backup', 'snapshot', 'resize'],
  error: ['online', 'offline'],
} as const satisfies Record<string, readonly VolumeAction[]>

/** Our volumes. */
export function storageKind({ volumes }: Pick<Service, 'volumes'>): EntityKind<Volume> {
  return {
    kind: STORAGE,
    list: (caller) => volumes.list(caller),
    get: (id, caller) => volumes.get(id, caller),
    async prepare({ checked, ...choice }, { caller }) {
      const spec = toSpec(checked)
      const provider = providerOf(checked)
      return async () => ({
        entity: await volumes.create({ ...choice, spec, ...(provider === undefined ? {} : { provider }) }, caller),
        warnings: checked.warnings,
      })
    },
    async update(volume, checked, isWhole, { caller }) {
      const standing = new Map(storageAttributes(volume))
      requireSame([ATTRIBUTES.storageSize], checked, standing, `storage ${volume.id}`, 'its action resize can do that')
      const change = toRenaming(checked, volume.spec.labels, isWhole)
      return { entity: await volumes.rename(volume.id, change, caller), warnings: checked.warnings }
    },
    tag: ({ id }, mixins, { caller }) => volumes.rename(id, { labels: idsLabel(LABELS.tags, mixins) }, caller),
    delete: (id, { caller }) => volumes.delete(id, caller),
    allows: ({ state }, action) => ACTIONS[STATES[state][0]].some((term) => STORAGE_ACTIONS[term] === action),
    state: ({ state }) => STATES[state][0],
    // The others do something in every state.
    target: (action) => [STORAGE_ACTIONS.online, STORAGE_ACTIONS.offline].find((each) => each === action)?.term,
    async act({ id }, action, attributes, { caller }) {
      const size = attributes.get(ATTRIBUTES.size.name)
      const sizeBytes = size === undefined ? undefined : toBytes(Number(size))
      return { entity: await volumes.act(id, action.term as VolumeAction, caller, sizeBytes) }
    },
    definitions: storageDefinitions,
    tags: ({ spec }) => idsIn(spec.labels, LABELS.tags),
    async represent(all, exchange) {
      const usersMixins = await exchange.usersMixins()
      return all.map((volume) => fromVolume(volume, usersMixins))
    },
  }
}

function storageDefinitions({ provider, spec }: Volume, usersMixins: readonly Definition[]): readonly Definition[] {
  return [STORAGE, providerMixin(provider), ...tagsOf(spec.labels, usersMixins)]
}

function fromVolume(volume: Volume, usersMixins: readonly Definition[]): Representation {
  const actions = ACTIONS[STATES[volume.state][0]].map((term) => STORAGE_ACTIONS[term])
  return {
    categories: storageDefinitions(volume, usersMixins).map(toReference),
    links: actionLinks(STORAGE, volume.id, actions),
    attributes: new Map(storageAttributes(volume)),
    locations: [],
  }
}

function* storageAttributes({ id, spec, state, reason }: Volume): Iterable<[string, Value]> {
  const [occi, message = reason] = STATES[state]
  yield [ATTRIBUTES.id.name, id]
  yield* namingAttributes(spec.name, spec.labels)
  yield [ATTRIBUTES.storageSize.name, toGib(spec.sizeBytes)]
  if (message !== undefined) yield [ATTRIBUTES.storageStateMessage.name, toPlainText(message)]
  yield [ATTRIBUTES.storageState.name, occi]
}

function toSpec(checked: CheckedEntity): Volume['spec'] {
  const size = checked.attributes.get(ATTRIBUTES.storageSize.name)
  if (size === undefined)
    throw new CloudError('invalid', `a storage needs ${ATTRIBUTES.storageSize.name}, its size in GiB`)
  return { ...toNaming(checked), sizeBytes: toBytes(Number(size)) }
}

/** Whole sectors, so that 0.1 GiB can be had. */
function toBytes(gib: number): number {
  return Math.ceil((gib * BYTES_PER_GIB) / SECTOR_BYTES) * SECTOR_BYTES
}

/** With no more digits than a person would write: 0.1 comes back as 0.1. */
function toGib(sizeBytes: number): number {
  return Math.round((sizeBytes / BYTES_PER_GIB) * 1e6) / 1e6
}
