import type { HttpRequest, HttpResponse } from '../http.ts'

/** An attribute's value. Text renderings have no types: there all values are read as strings. */
export type Value = string | number

/** What a Category is. */
export type CategoryClass = 'kind' | 'mixin' | 'action'

/** An attribute as a category lists it; what stands below `required` only JSON can say. */
export interface AttributeEntry {
  readonly name: string
  readonly immutable?: boolean
  readonly required?: boolean
  /** Absent: a string. */
  readonly type?: 'string' | 'number'
  /** All it may hold. */
  readonly values?: readonly string[]
  readonly description?: string
}

/** A category as it is written: a reference (term and scheme) or, in discovery, its whole definition. */
export interface Category {
  readonly term: string
  /** Ends in `#`. */
  readonly scheme: string
  readonly class?: CategoryClass
  readonly title?: string
  /** Type id of the parent kind, or of the mixin that this one depends on. */
  readonly rel?: string
  /** A path, never a URL: clients put the endpoint before it. */
  readonly location?: string
  readonly attributes?: readonly AttributeEntry[]
  /** Type ids. */
  readonly actions?: readonly string[]
  /** Type ids of the kinds that a mixin may be put on; only JSON can say them. */
  readonly applies?: readonly string[]
}

/** A link as it is written within an entity; with the `rel` of an action: what can be done now. */
export interface Link {
  readonly target: string
  /** Type id of what is at the target; empty where a client left it out, which JSON allows. */
  readonly rel: string
  readonly self?: string
  /** Type ids of the link's kind and mixins. */
  readonly categories: readonly string[]
  readonly attributes: ReadonlyMap<string, Value>
}

/** What any rendering says, with no meaning given to it yet. */
export interface Representation {
  readonly categories: readonly Category[]
  readonly links: readonly Link[]
  readonly attributes: ReadonlyMap<string, Value>
  readonly locations: readonly string[]
}

/** What a route has to say; each codec says it in its own way. */
export type Answer =
  | { readonly shows: 'categories'; readonly categories: readonly Category[] }
  /** `entities` are given to codecs with `showsEntities`, and only to them. */
  | { readonly shows: 'collection'; readonly urls: readonly string[]; readonly entities?: readonly Representation[] }
  | { readonly shows: 'entity'; readonly entity: Representation }
  | { readonly shows: 'created'; readonly url: string; readonly entity?: Representation }
  | { readonly shows: 'nothing' }
  | { readonly shows: 'error'; readonly message: string }

/** A rendering on its way out. */
export interface Rendered {
  readonly headers: HttpResponse['headers']
  readonly body: string
}

/** One media type's way to write. */
export interface Codec {
  /** `Content-Type` of what it renders. */
  readonly contentType: string
  /** Only lists of locations can be written in it. */
  readonly listsOnly?: true
  /** It writes whole entities where others write their locations. */
  readonly showsEntities?: true
  /** Its values can have several lines. */
  readonly multiline?: true
  /** All of it stands in headers, so that what is large is better left out. */
  readonly inHeaders?: true
  /**
   * @returns one, which may say nothing; several where JSON holds several entities
   * @throws {CloudError} invalid with line and column (counted from 1) of what cannot be read
   */
  parse(request: Pick<HttpRequest, 'headers' | 'body'>): readonly Representation[]
  render(answer: Answer): Rendered
}

/** An answer with its status, still in no rendering. */
export interface Outcome {
  readonly status: number
  readonly answer: Answer
  readonly headers?: HttpResponse['headers']
}

/** What identifies a category: scheme and term in one. */
export function typeId({ scheme, term }: Pick<Category, 'scheme' | 'term'>): string {
  return `${scheme}${term}`
}

/** Text of our own for a value: without the characters at which several clients cut even inside quotes. */
export function toPlainText(text: string): string {
  return text.replaceAll(/["\\,;\s]+/g, ' ').trim()
}
