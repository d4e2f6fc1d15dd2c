import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError } from '../../model/errors.ts'
import type { HttpAnswer } from '../../wire/http.ts'

const Named = Type.Object({
  id: Type.String({ minLength: 1 }),
  name: Type.String(),
  domain: Type.Object({ id: Type.String(), name: Type.String() }),
})

const Catalogue = Type.Array(
  Type.Object({
    type: Type.String(),
    endpoints: Type.Array(
      Type.Object({
        interface: Type.String(),
        region: Type.Optional(Type.Union([Type.String(), Type.Null()])),
        region_id: Type.Optional(Type.Union([Type.String(), Type.Null()])),
        url: Type.String(),
      }),
    ),
  }),
)

const body = Compile(
  Type.Object({
    token: Type.Object({
      user: Named,
      project: Type.Optional(Named),
      roles: Type.Optional(Type.Array(Type.Object({ name: Type.String() }))),
      expires_at: Type.String(),
      catalog: Type.Optional(Catalogue),
    }),
  }),
)

/** Keystone's list of services and where they are. */
export type Catalogue = Static<typeof Catalogue>

/** A user or a project, which has a name only within its domain. */
interface Named {
  readonly id: string
  readonly name: string
  readonly domain: { readonly id: string; readonly name: string }
}

/** Whom a token stands for. */
export interface TokenOwner {
  readonly user: Named
  readonly project: Named
  readonly roles: readonly string[]
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

/** A token that is good for one project, without the token itself. */
export interface TokenFacts extends TokenOwner {
  readonly catalogue: Catalogue
}

/** A token and what it is good for. Holds a secret. */
export interface Token extends TokenFacts {
  readonly value: string
}

/**
 * Reads what Keystone says of a token.
 *
 * @returns nothing where it is for no project
 * @throws {CloudError} provider-failed when it is not as the Identity API has it
 * @see Keystone, Identity API v3: Authentication and token management
 */
export function readTokenFacts(answer: HttpAnswer, what: string): TokenFacts | undefined {
  const json = answer.json()
  if (!body.Check(json)) throw strange(what, 'with a body')
  const { user, project, roles = [], expires_at: expires, catalog = [] } = json.token
  const expiresAt = Date.parse(expires)
  if (Number.isNaN(expiresAt)) throw strange(what, 'whose expires_at')
  if (!project) return undefined
  return {
    user: pick(user),
    project: pick(project),
    roles: roles.map(({ name }) => name),
    expiresAt,
    catalogue: catalog.map(packed),
  }
}

/** What is kept for long is kept small. */
function packed({ type, endpoints }: Catalogue[number]): Catalogue[number] {
  const smaller = endpoints.map(({ interface: kind, region_id: id, region, url }) => ({
    interface: kind,
    region: id ?? region ?? '',
    url,
  }))
  return { type, endpoints: smaller }
}

/** Keystone says more of them, such as when a password ends. */
function pick({ id, name, domain }: Named): Named {
  return { id, name, domain: { id: domain.id, name: domain.name } }
}

/**
 * The token that an answer gives, which stands in its head.
 *
 * @throws {CloudError} provider-failed when there is none
 */
export function readTokenValue(answer: HttpAnswer, what: string): string {
  const value = answer.headers.get('x-subject-token')
  if (value !== undefined && isToken(value)) return value
  throw strange(what, 'whose X-Subject-Token')
}

/** Whether it can be a token: what stands in a header, and is not longer than servers take. */
export function isToken(value: string): boolean {
  return /^[\x21-\x7e]{1,8192}$/.test(value)
}

function strange(what: string, part: string): CloudError {
  return new CloudError(
    'provider-failed',
    `${what}: answers ${part} is not as the Identity API v3 has it; is it Keystone?`,
  )
}
