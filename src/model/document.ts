/** What a front end keeps for one user. Bellhop does not look into it. */
export interface StoredDocument {
  readonly id: string
  /** The front end's word for what it is (`cimi.machineTemplate`). */
  readonly sort: string
  readonly subject: string
  readonly project: string
  /** What the front end alone understands. */
  readonly body: string
  /** Large data beside it (user data); lists leave them out. */
  readonly bytes?: Uint8Array
  readonly createdAt: number
  readonly updatedAt: number
}
