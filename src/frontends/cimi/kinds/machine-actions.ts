import { CloudError } from '../../../model/errors.ts'
import type { Instance } from '../../../model/instance.ts'
import type { Service } from '../../../service/service.ts'
import type { Exchange } from '../exchange.ts'
import { lastSegment, textOf } from '../resource.ts'
import { actionJobId } from './jobs.ts'
import { allows, machineState, PAUSED, toAction } from './machine-map.ts'

/** What CIMI has beside, and nobody here can do. */
const KNOWN_ELSEWHERE: ReadonlySet<string> = new Set(['snapshot', 'restore', 'export', 'import'])

const ACTIONS = ['start', 'stop', 'restart', 'pause', 'suspend', 'capture'] as const

/** What a request wants done. */
interface Wanted {
  readonly action: (typeof ACTIONS)[number]
  /** At once, without asking the guest. */
  readonly isForced: boolean
}

/**
 * Does what a request asks of a machine.
 *
 * @returns the id of its job; a capture has none, for what it makes is there when it is answered
 * @throws {CloudError} invalid for an unknown action, conflict when the state does not allow it, unsupported when nobody
 *   here can do it
 */
export async function actOn(
  service: Service,
  instance: Instance,
  verb: string | undefined,
  exchange: Exchange,
): Promise<string | undefined> {
  const { caller } = exchange
  const { action, isForced } = wantedIn(instance, verb, exchange)
  if (action === 'capture') {
    await service.saveImage(instance.id, {}, caller)
    return undefined
  }
  if (!allows(instance, action))
    throw new CloudError('conflict', `${action}: the machine is ${machineState(instance)}, which does not allow it`)
  const done = toAction(action, instance)
  await service.act(instance.id, done, caller, isForced ? 'poweroff' : undefined)
  const wasPaused = instance.spec.labels[PAUSED] !== undefined
  if (action === 'pause') await service.rename(instance.id, { labels: { [PAUSED]: 'true' } }, caller)
  else if (wasPaused) await service.rename(instance.id, { labels: { [PAUSED]: null } }, caller)
  return await actionJobId(service, instance.id, done, caller)
}

/** Of a body and a URL that disagree, the body counts where the state allows what it says. */
function wantedIn(instance: Instance, verb: string | undefined, exchange: Exchange): Wanted {
  const fromUrl = verb === undefined ? undefined : actionCalled(verb)
  if (exchange.request.body.byteLength === 0) {
    if (fromUrl !== undefined) return { action: fromUrl, isForced: false }
    throw new CloudError('invalid', 'an Action is expected; its action tells what to do')
  }
  const sent = exchange.read('Action')
  const text = textOf(sent, 'action')
  const named = text === undefined ? undefined : lastSegment(text)
  const action = named === undefined ? fromUrl : actionCalled(named)
  if (action === undefined) throw new CloudError('invalid', 'action: missing; it tells what to do')
  const isStrange = fromUrl !== undefined && fromUrl !== action
  if (isStrange && (action === 'capture' || !allows(instance, action)))
    throw new CloudError('invalid', `the URL says ${fromUrl}, the body ${action}; send one of them`)
  const isForced = sent.attributes.get('force') === true
  return { action, isForced: isForced && action === 'stop' }
}

function actionCalled(word: string): Wanted['action'] {
  const action = ACTIONS.find((each) => each === word.toLowerCase())
  if (action !== undefined) return action
  if (KNOWN_ELSEWHERE.has(word.toLowerCase())) throw new CloudError('unsupported', `${word} is not done here`)
  throw new CloudError('invalid', `there is no action "${word.slice(0, 100)}"; there are ${ACTIONS.join(', ')}`)
}
