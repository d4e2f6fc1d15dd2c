import type { ContextEvent, Delivery } from '../model/events.ts'
import type { Action, Caller, Image, Instance, InstanceSpec, InstanceState, Size } from '../model/instance.ts'
import type { Plan } from '../model/plan.ts'

/** A request to start an instance. */
export interface NewInstance {
  readonly spec: InstanceSpec
  /** Repeated by a client that repeats its request; kept per project. */
  readonly idempotencyKey?: string
  /** The caller's own cloud token, for this call alone: never stored, never logged. */
  readonly credential?: { readonly token: string }
}

/** What front ends and the CLI can ask for. Every method sees only the caller's project; what is another's is `not-found`. */
export interface Service {
  images(caller: Caller): Promise<readonly Image[]>
  sizes(caller: Caller): Promise<readonly Size[]>
  /** What would be done, decided as `create` decides it. @throws {CloudError} too-large, unsupported, invalid */
  plan(spec: InstanceSpec, caller: Caller): Promise<Plan>
  /**
   * Starts an instance. The intent is on the disk before the provider is asked; resolves when the provider answered, or
   * after 10 s with the instance in state `creating`.
   *
   * @throws {CloudError} forbidden, invalid, too-large, unsupported, conflict, and what the provider refuses with
   */
  create(request: NewInstance, caller: Caller): Promise<Instance>
  /** Fresh from the provider where it answers in time, else as last seen. @throws {CloudError} not-found */
  get(id: string, caller: Caller): Promise<Instance>
  /** As last seen, oldest first, without user data. */
  list(caller: Caller, filter?: { readonly states?: readonly InstanceState[] }): Promise<readonly Instance[]>
  /** @throws {CloudError} not-found, forbidden, conflict when the state does not allow it, unsupported */
  act(id: string, action: Action, caller: Caller, method?: string): Promise<Instance>
  /** Stops and removes it, with its disks and data. @throws {CloudError} not-found, forbidden */
  delete(id: string, caller: Caller): Promise<void>
  events(id: string, caller: Caller): Promise<readonly ContextEvent[]>
  delivery(id: string, caller: Caller): Promise<Delivery>
  /** Console text from byte `from` on, and where the next read goes on. @throws {CloudError} not-found, unsupported */
  console(id: string, from: number, caller: Caller): Promise<{ readonly text: string; readonly next: number }>
  /** The events so far, then each new one as it comes; ends with `signal` or with the instance. */
  watch(id: string, caller: Caller, signal: AbortSignal): AsyncIterable<ContextEvent>
}
