import type { HttpClient } from '../../wire/http.ts'
import type { CloudSettings } from './clouds-settings.ts'

/** A Keystone, and how it is reached. */
export interface Keystone {
  /** The provider's name, for people. */
  readonly name: string
  readonly settings: CloudSettings
  readonly http: HttpClient
}
