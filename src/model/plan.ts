import type { DeliveryMethod, Evidence } from './events.ts'

/** One delivery as planned; a plan has them in the order in which the guest tries them. */
export interface PlannedDelivery {
  readonly method: DeliveryMethod
  /** Where the cloud carries it in its own way: then nothing of ours is made ready. */
  readonly by?: 'provider'
  /** Names of the layouts that it carries. */
  readonly layouts: readonly string[]
  /** Why it is in the plan, for people. */
  readonly why: string
  readonly evidence: readonly Evidence[]
  /** Disks only. */
  readonly disk?: { readonly format: 'iso' | 'vfat'; readonly label: string }
}

/** Something the user should know before the launch; `code` is stable. */
export interface PlanWarning {
  readonly code: 'format-unknown' | 'not-carried' | 'no-evidence' | 'guest-may-ignore' | 'keeps-former'
  readonly message: string
}

/** What will be done for one instance, decided before any cloud is asked. */
export interface Plan {
  readonly provider: string
  readonly deliveries: readonly PlannedDelivery[]
  readonly userData?: { readonly sizeBytes: number; readonly sha256: string; readonly format: string }
  readonly warnings: readonly PlanWarning[]
  /** Nothing of ours stands beside the user's data: by his wish, or by the configuration. */
  readonly tracking?: false
  /** What the cloud is given in the place of the user's data; the digest is known once the instance's id is. */
  readonly wrapped?: { readonly sizeBytes: number; readonly sha256?: string }
}
