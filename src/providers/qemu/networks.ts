import { join } from 'node:path'
import { CloudError } from '../../model/errors.ts'
import type { NetworkSpec } from '../../model/network.ts'
import { checkCall } from '../call.ts'
import type { Call, NetworkAttachment, NetworkGroup, RemoteNetwork, SharedNetwork } from '../provider.ts'
import { cardPart, ownCards, toAttachedCard, withCard } from './attachments.ts'
import { isFolderId, recordFolders } from './folders.ts'
import type { Holdings } from './holdings.ts'
import type { Machine } from './machine.ts'
import { NETWORK, USER_NETWORK } from './network.ts'

/** What is kept of a network, as `network.json`; who is on it stands with the machines. */
interface NetworkRecord extends Omit<NetworkSpec, 'labels'> {
  readonly id: string
  readonly isDown?: true
}

/** Networks between the machines of this host, and the one that all are on. */
export interface QemuNetworks {
  readonly group: NetworkGroup
  /** Whether a new machine can be on these. @throws {CloudError} not-found */
  readonly check: (attachments: readonly NetworkAttachment[]) => Promise<void>
  /** Cuts the cards of a machine that was just started from the networks that are down. */
  readonly cutDown: (machine: Machine, call: Call) => Promise<void>
}

export function qemuNetworks(provider: string, stateDir: string, machines: Holdings): QemuNetworks {
  const networks = recordFolders<NetworkRecord>(join(stateDir, 'networks'), 'network.json')
  const shared: SharedNetwork = {
    name: `${provider}-${USER_NETWORK}`,
    provider,
    title: 'User network',
    remoteId: USER_NETWORK,
    state: 'active',
    cidr: NETWORK.net,
    gateway: NETWORK.host,
    isFixed: true,
  }
  const known = async (id: string): Promise<NetworkRecord> => {
    const network = await networks.read(id)
    if (network) return network
    throw new CloudError('not-found', `there is no network ${id}`)
  }
  const refuseShared = (id: string, what: string) => {
    if (id === USER_NETWORK)
      throw new CloudError('unsupported', `${what}: network ${USER_NETWORK} is for all machines, each has a card on it`)
  }
  const check = async (attachments: readonly NetworkAttachment[]): Promise<void> => {
    for (const { networkRemoteId } of attachments) if (networkRemoteId !== USER_NETWORK) await known(networkRemoteId)
  }
  const setLinks = async (machine: Machine, networkId: string, up: boolean, call: Call): Promise<void> => {
    const cards = ownCards(machine).filter(({ networkRemoteId }) => networkRemoteId === networkId)
    for (const card of cards) await machines.ask(machine.id, 'set_link', call, { name: cardPart(card).device.id, up })
  }
  const cutDown = async (machine: Machine, call: Call): Promise<void> => {
    for (const id of new Set(ownCards(machine).map(({ networkRemoteId }) => networkRemoteId)))
      if ((await networks.read(id))?.isDown) await setLinks(machine, id, false, call)
  }
  const cardIn = (machine: Machine, { linkId }: NetworkAttachment) =>
    machine.cards?.find((each) => each.linkId === linkId)
  const partIn = (machine: Machine, attachment: NetworkAttachment) => {
    const card = cardIn(machine, attachment)
    return card && card.networkRemoteId !== USER_NETWORK ? cardPart(card) : undefined
  }

  const group: NetworkGroup = {
    actions: ['up', 'down'],
    numberedBy: 'bellhop',

    async shared(call) {
      checkCall(call, "QEMU's networks")
      return [shared]
    },
    async create(request, call) {
      const { id } = request
      checkCall(call, `creating network ${id}`)
      if (!isFolderId(id)) throw new CloudError('invalid', `QEMU networks need a UUID in lower case as id, not ${id}`)
      if ((await networks.read(id)) === undefined) await networks.add(request, async () => {})
      return toRemote(await known(id))
    },
    async find(ourId, call) {
      checkCall(call, `finding network ${ourId}`)
      const network = await networks.read(ourId)
      return network && toRemote(network)
    },
    async get(remoteId, call) {
      checkCall(call, `network ${remoteId}`)
      return remoteId === USER_NETWORK ? shared : toRemote(await known(remoteId))
    },
    act: (remoteId, action, call) =>
      machines.alone(async () => {
        checkCall(call, `${action} of network ${remoteId}`)
        refuseShared(remoteId, action)
        const { isDown: _, ...network } = await known(remoteId)
        await networks.replace(action === 'down' ? { ...network, isDown: true } : network)
        await machines.each(
          (machine) => ownCards(machine).some(({ networkRemoteId }) => networkRemoteId === remoteId),
          (machine) => setLinks(machine, remoteId, action === 'up', call),
          call,
        )
      }),
    delete: (remoteId, call) =>
      machines.alone(async () => {
        checkCall(call, `deleting network ${remoteId}`)
        refuseShared(remoteId, 'delete')
        const on = await machines.holder(({ cards = [] }) => cards.some((card) => card.networkRemoteId === remoteId))
        if (on) throw new CloudError('conflict', `delete: instance ${on.id} is on network ${remoteId}`)
        await networks.remove(remoteId)
      }),
    async attach(instanceRemoteId, attachment, call) {
      checkCall(call, `attaching network ${attachment.networkRemoteId}`)
      const machine = await machines.give(
        instanceRemoteId,
        async (before) => {
          if (cardIn(before, attachment)) return before
          await check([attachment])
          return withCard(before, attachment)
        },
        (after) => partIn(after, attachment),
        call,
      )
      if (partIn(machine, attachment) && (await machines.isRunning(machine.id, call))) await cutDown(machine, call)
      const card = cardIn(machine, attachment)
      return card ? toAttachedCard(card) : { linkId: attachment.linkId }
    },
    async detach(instanceRemoteId, attachment, call) {
      checkCall(call, `detaching network ${attachment.networkRemoteId}`)
      const drop = (machine: Machine): Machine => {
        if (cardIn(machine, attachment)?.networkRemoteId === USER_NETWORK) refuseShared(USER_NETWORK, 'detach')
        return { ...machine, cards: (machine.cards ?? []).filter(({ linkId }) => linkId !== attachment.linkId) }
      }
      await machines.take(instanceRemoteId, drop, (before) => partIn(before, attachment), call)
    },
  }
  return { group, check, cutDown }
}

function toRemote({ id, isDown, cidr, gateway }: NetworkRecord): RemoteNetwork {
  return {
    remoteId: id,
    ourId: id,
    state: isDown ? 'inactive' : 'active',
    ...(cidr === undefined ? {} : { cidr }),
    ...(gateway === undefined ? {} : { gateway }),
  }
}
