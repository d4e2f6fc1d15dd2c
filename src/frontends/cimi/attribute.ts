/** An attribute with a single value. */
export interface Scalar<Name extends string> {
  readonly kind: 'text' | 'integer' | 'boolean' | 'time' | 'uri'
  readonly name: Name
  /** Where XML has it; absent: in an element of its own. */
  readonly xml?: 'attribute' | 'content'
  /** Other spellings that are read. */
  readonly aliases?: readonly string[]
  /** A second name under which JSON writes it. */
  readonly jsonTwin?: string
}

/** An attribute that is a resource, or stands for one. */
export interface Part<Name extends string, Type extends string> {
  /** An object without a URL of its own cannot be named by a bare string. */
  readonly kind: 'reference' | 'object'
  readonly name: Name
  readonly of: Type
}

/** An attribute that is a list of resources. */
export interface List<Name extends string, Type extends string> {
  readonly kind: 'list'
  /** Of the array in JSON. */
  readonly name: Name
  /** Of each element in XML. */
  readonly item: string
  readonly of: Type
  /** Whether they are what a collection is of; they stand there even when there are none. */
  readonly isItems?: boolean
}

/** An attribute that maps keys of the user to texts. */
export interface Properties<Name extends string> {
  readonly kind: 'map'
  readonly name: Name
  /** Of each element in XML. */
  readonly item: string
}

type Options = Pick<Scalar<string>, 'xml' | 'aliases' | 'jsonTwin'>

/** A text that is kept as it is. */
export function text<const Name extends string>(name: Name, options: Options = {}): Scalar<Name> {
  return { kind: 'text', name, ...options }
}

/** A whole number that JSON and JavaScript hold exactly. */
export function integer<const Name extends string>(name: Name): Scalar<Name> {
  return { kind: 'integer', name }
}

/** True or false. */
export function boolean<const Name extends string>(name: Name): Scalar<Name> {
  return { kind: 'boolean', name }
}

/** A time as text; it is not checked. */
export function time<const Name extends string>(name: Name): Scalar<Name> {
  return { kind: 'time', name }
}

/** A text in which nothing begins or ends with blanks; it is read from a reference too. */
export function uri<const Name extends string>(name: Name, options: Options = {}): Scalar<Name> {
  return { kind: 'uri', name, ...options }
}

/** What may be named by its URL or id, stand there by value, or both. */
export function reference<const Name extends string, const Type extends string>(
  name: Name,
  of: Type,
): Part<Name, Type> {
  return { kind: 'reference', name, of }
}

/** What stands there by value only. */
export function object<const Name extends string, const Type extends string>(name: Name, of: Type): Part<Name, Type> {
  return { kind: 'object', name, of }
}

/** A list: `name` is its array in JSON, `item` each of its elements in XML. */
export function list<const Name extends string, const Type extends string>(
  name: Name,
  item: string,
  of: Type,
): List<Name, Type> {
  return { kind: 'list', name, item, of }
}
