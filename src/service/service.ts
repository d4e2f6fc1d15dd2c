import type { StoredDocument } from '../model/document.ts'
import type { ContextEvent, Delivery, DeliveryMethod } from '../model/events.ts'
import type { Action, Caller, Image, Instance, InstanceSpec, InstanceState, Size } from '../model/instance.ts'
import type { Link, LinkSpec } from '../model/link.ts'
import type { Network, NetworkAction, NetworkSpec } from '../model/network.ts'
import type { Plan } from '../model/plan.ts'
import type { Volume, VolumeAction, VolumeSpec } from '../model/volume.ts'
import type { Capabilities, SaveRequest } from '../providers/provider.ts'
import type { EventRange } from '../store/store.ts'

/** A request to start an instance. */
export interface NewInstance {
  readonly spec: InstanceSpec
  /** A UUID in lower case that the client chose; absent: one is made. */
  readonly id?: string
  /** Repeated by a client that repeats its request; kept per project. */
  readonly idempotencyKey?: string
}

/** User data in place of those that an instance has. */
export interface NewUserData extends Pick<InstanceSpec, 'userDataFormat'> {
  /** Absent: none any more. */
  readonly userData?: Uint8Array
  /** Whether they are wrapped where need be; absent: as those before. */
  readonly wrap?: boolean
  /** Whether the disk may begin anew from the image, where there is no other way. */
  readonly mayRebuild: boolean
  /** The guest shall take itself for a new one: under the id that it knows it would pass over other data. */
  readonly reapply?: boolean
}

/** A change that no guest is told of: what is absent stays, `null` takes the name away. */
export interface Renaming {
  readonly name?: string | null
  /** Those named here: `null` takes one away. */
  readonly labels?: Readonly<Record<string, string | null>>
}

/** A request for something beside instances. */
interface NewResource<Spec> {
  readonly spec: Spec
  /** A UUID in lower case that the client chose; absent: one is made. */
  readonly id?: string
  /** Repeated by a client that repeats its request; kept per project, as long as what it made is there. */
  readonly idempotencyKey?: string
}

/** A request for a volume or network. */
interface NewPlaced<Spec> extends NewResource<Spec> {
  /** Where to make it; absent: at the first provider that can. */
  readonly provider?: string
}

/** Use cases of what is beside instances. As with instances, what is another project's is `not-found`. */
interface ResourceUseCases<R, New> {
  /** @throws {CloudError} forbidden, invalid, unsupported, conflict, and what the provider refuses with */
  create(request: New, caller: Caller): Promise<R>
  /** Fresh from the provider where it answers in time, else as last seen. @throws {CloudError} not-found */
  get(id: string, caller: Caller): Promise<R>
  /** As last seen, oldest first. */
  list(caller: Caller): Promise<readonly R[]>
  /** @throws {CloudError} not-found, forbidden */
  rename(id: string, change: Renaming, caller: Caller): Promise<R>
  /** @throws {CloudError} not-found, forbidden; conflict while something is linked to it */
  delete(id: string, caller: Caller): Promise<void>
}

/** Volumes. */
export interface VolumeUseCases extends ResourceUseCases<Volume, NewPlaced<VolumeSpec>> {
  /** @param sizeBytes with `resize` @throws {CloudError} not-found, forbidden, unsupported, conflict */
  act(id: string, action: VolumeAction, caller: Caller, sizeBytes?: number): Promise<Volume>
}

/** Networks: the project's own, and those that providers have for all, which nobody here can change. */
export interface NetworkUseCases extends ResourceUseCases<Network, NewPlaced<NetworkSpec>> {
  /** @throws {CloudError} not-found, forbidden, unsupported, conflict */
  act(id: string, action: NetworkAction, caller: Caller): Promise<Network>
}

/** What joins instances to volumes and networks. */
export interface LinkUseCases extends ResourceUseCases<Link, NewResource<LinkSpec> & { readonly instanceId: string }> {
  ofInstance(instanceId: string, caller: Caller): Promise<readonly Link[]>
}

/** What a front end keeps for a project, by key. */
export interface ProjectLabels {
  list(caller: Caller): Promise<Readonly<Record<string, string>>>
  /** @returns false where the key is taken: it stays as it is @throws {CloudError} forbidden */
  add(key: string, value: string, caller: Caller): Promise<boolean>
  /** No error when it is gone. @throws {CloudError} forbidden */
  delete(key: string, caller: Caller): Promise<void>
}

/**
 * What a front end keeps for a user, by its own word for the sort of it. It is its owner's alone: to all others, of his
 * project too, it is `not-found`.
 */
export interface DocumentUseCases {
  /**
   * @param request with an `idempotencyKey` that was used before, it gives what was made then, if that is still the same
   * @throws {CloudError} forbidden, too-large; conflict when the key was used for something else, or there are too many
   */
  create(
    request: {
      readonly sort: string
      readonly body: string
      readonly bytes?: Uint8Array
      readonly idempotencyKey?: string
    },
    caller: Caller,
  ): Promise<StoredDocument>
  /** With its bytes. @throws {CloudError} not-found */
  get(sort: string, id: string, caller: Caller): Promise<StoredDocument>
  /** Oldest first, without their bytes. */
  list(sort: string, caller: Caller): Promise<readonly StoredDocument[]>
  /** @param change absent `bytes` stay, `null` drops them @throws {CloudError} not-found, forbidden, too-large */
  update(
    sort: string,
    id: string,
    change: { readonly body: string; readonly bytes?: Uint8Array | null },
    caller: Caller,
  ): Promise<StoredDocument>
  /** @throws {CloudError} not-found, forbidden */
  delete(sort: string, id: string, caller: Caller): Promise<void>
}

/** What one provider can do here. */
export interface ProviderAbilities {
  readonly name: string
  /** In the order in which its guests try them. */
  readonly methods: readonly DeliveryMethod[]
  readonly actions: readonly Action[]
  readonly savesImages: boolean
  /** The most that any of the methods takes. */
  readonly userDataMaxBytes: number
}

/** A provider as its users may know it. */
export interface ProviderReport extends Pick<ProviderAbilities, 'name' | 'savesImages' | 'userDataMaxBytes'> {
  readonly capabilities: Capabilities
  /** How its instances get other user data, by the cloud or by us. */
  readonly update: Capabilities['update']
  /** Those of its deliveries that work here. */
  readonly deliveries: Capabilities['deliveries']
  readonly hasVolumes: boolean
  readonly hasNetworks: boolean
  /** Whether it answers now; absent: it cannot be asked with this caller's rights. */
  readonly isReachable?: boolean
}

/** What front ends and the CLI can ask for. Every method sees only the caller's project; what is another's is `not-found`. */
export interface Service extends InstanceUseCases {
  /** Goes on with what waits for this caller's rights; returns at once. */
  welcome(caller: Caller): void
  /** Names of the providers that can make volumes, or networks. */
  makers(of: 'volumes' | 'networks'): readonly string[]
  /** What the providers can do, in the order of the configuration. */
  abilities(): readonly ProviderAbilities[]
  /** The same, with whether each answers: asks them all, and waits for the slowest up to 10 s. */
  providerReports(caller: Caller): Promise<readonly ProviderReport[]>
  readonly volumes: VolumeUseCases
  readonly networks: NetworkUseCases
  readonly links: LinkUseCases
  readonly labels: ProjectLabels
  readonly documents: DocumentUseCases
  /**
   * Asked by a cloud itself, not by a project: what one of its guests gets from us beside the cloud's own data, as a
   * cloud-config. Waits up to 2 s for an instance that is just being created there.
   *
   * @returns `undefined` where we did not start the instance at this provider, or have nothing to add
   */
  cloudVendorData(provider: string, remoteId: string): Promise<string | undefined>
}

/** Instances, what they start from, and what became of their data. */
export interface InstanceUseCases {
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
  /**
   * @param change with a `hostname`, which the guest reads when it asks the metadata server next; disks keep the former
   * @throws {CloudError} not-found, forbidden
   */
  rename(id: string, change: Renaming & { readonly hostname?: string }, caller: Caller): Promise<Instance>
  /**
   * Gives an instance that is there other user data, as a new revision.
   *
   * @throws {CloudError} not-found, forbidden, too-large; unsupported where its provider cannot; conflict when the state does not
   *   allow it, or when only a rebuild would do
   */
  replaceUserData(id: string, request: NewUserData, caller: Caller): Promise<Instance>
  /**
   * Makes an image of its disk, for its project alone.
   *
   * @throws {CloudError} not-found, forbidden, unsupported, conflict when the state does not allow it
   */
  saveImage(
    id: string,
    request: { readonly title?: string; readonly method?: SaveRequest['method'] },
    caller: Caller,
  ): Promise<Image>
  /**
   * Deletes an image that was saved from an instance, by our name or by a cloud's own id where only one has it.
   *
   * @throws {CloudError} not-found when the project has none such; forbidden when it is for all; unsupported; conflict
   *   while an instance runs from it
   */
  deleteImage(name: string, caller: Caller): Promise<void>
  /** Stops and removes it, with its disks and data. @throws {CloudError} not-found, forbidden */
  delete(id: string, caller: Caller): Promise<void>
  /** @param range a part of them; absent: all */
  events(id: string, caller: Caller, range?: EventRange): Promise<readonly ContextEvent[]>
  /** Of all instances of the caller's project, by instance. */
  projectEvents(caller: Caller): Promise<ReadonlyMap<string, readonly ContextEvent[]>>
  delivery(id: string, caller: Caller): Promise<Delivery>
  /** Console text from byte `from` on, and where the next read goes on. @throws {CloudError} not-found, unsupported */
  console(id: string, from: number, caller: Caller): Promise<{ readonly text: string; readonly next: number }>
  /**
   * The events so far, then each new one as it comes; ends with `signal` or with the instance.
   *
   * @param after the place of the last event that is known already (default 0)
   */
  watch(id: string, caller: Caller, signal: AbortSignal, after?: number): AsyncIterable<ContextEvent>
}
