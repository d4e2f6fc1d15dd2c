import { CloudError } from '../../../model/errors.ts'
import type { Volume, VolumeAction, VolumeState } from '../../../model/volume.ts'
import type { Service } from '../../../service/service.ts'
import { ATTRIBUTES } from '../attributes.ts'
import { STORAGE, STORAGE_ACTIONS } from '../categories.ts'
import type { CheckedEntity } from '../check.ts'
import type { EntityKind } from '../entity-kind.ts'
import { toPlainText, type Value } from '../representation.ts'
import { namingAttributes, toNaming } from './naming.ts'
import { placedKind } from './placed.ts'

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

/** Our volumes. */
export function storageKind({ volumes }: Pick<Service, 'volumes'>): EntityKind<Volume> {
  const { online, offline, backup, snapshot, resize } = STORAGE_ACTIONS
  return placedKind<Volume>(volumes, {
    kind: STORAGE,
    stateOf: ({ state }) => STATES[state][0],
    actions: {
      online: [offline, backup, snapshot, resize],
      offline: [online, backup, snapshot, resize],
      error: [online, offline],
    },
    toSpec,
    attributes: storageAttributes,
    settings: [ATTRIBUTES.storageSize],
    advice: 'its action resize can do that',
    // The others do something in every state.
    target: (action) => [online, offline].find((each) => each === action)?.term,
    async act({ id }, action, attributes, { caller }) {
      const size = attributes.get(ATTRIBUTES.size.name)
      const sizeBytes = size === undefined ? undefined : toBytes(Number(size))
      return { entity: await volumes.act(id, action.term as VolumeAction, caller, sizeBytes) }
    },
  })
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
