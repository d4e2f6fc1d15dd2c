import { floatingAddresses, idsOf, type FloatingAddress } from './floating.ts'
import { timeOf, type LentKeys } from './keys.ts'
import { instanceOf, neutronPorts } from './ports.ts'
import { ourIdOf } from './server-state.ts'
import type { Servers } from './servers.ts'
import type { Session } from './session.ts'

/** What is asked to clean up. */
interface Workers {
  readonly session: Session
  readonly servers: Pick<Servers, 'list'>
  readonly keys: Pick<LentKeys, 'takeBackOlder'>
}

/**
 * Takes away what was made for servers that are not there: a crash between the two leaves key pairs, ports and public
 * addresses that nobody else would ever look for.
 *
 * @param thanMs what is younger may belong to a server that is just being made; in milliseconds since the epoch
 */
export async function removeLeftovers(
  { session, servers, keys }: Workers,
  provider: string,
  thanMs: number,
): Promise<void> {
  await keys.takeBackOlder(thanMs)
  if (!session.has('network')) return
  const [ports, floating] = [neutronPorts(session, provider), floatingAddresses(session, provider)]
  const isOld = ({ created_at: createdAt }: { readonly created_at?: string | undefined }): boolean =>
    createdAt !== undefined && timeOf(createdAt) < thanMs
  const addresses = (await floating.ours()).filter(isOld)
  const cards = (await ports.ours()).filter((each) => each.device_id === '' && isOld(each))
  if (addresses.length + cards.length === 0) return
  // Asked last: whatever has its server by now stays.
  const alive = new Set((await servers.list()).map(ourIdOf))
  const dead = new Set(cards.filter((each) => !alive.has(instanceOf(each))).map(({ id }) => id))
  // One that leads to a card in use stays, whatever became of the server's tag.
  const isDead = ({ port_id: cardId }: FloatingAddress): boolean => cardId === null || dead.has(cardId)
  for (const each of addresses) if (!alive.has(idsOf(each)?.ourId) && isDead(each)) await floating.release(each.id)
  for (const id of dead) await ports.delete(id)
}
