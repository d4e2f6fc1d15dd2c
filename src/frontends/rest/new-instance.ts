import { Type, type Static } from 'typebox'
import { SECRET_VARIABLES, variablesOf } from '../../formats/variables.ts'
import { isHostname, toPublicKey, type InjectedFile } from '../../model/context.ts'
import { CloudError } from '../../model/errors.ts'
import type { Caller, Image, InstanceSpec, Size } from '../../model/instance.ts'
import type { Service } from '../../service/service.ts'
import { templateCalled } from '../../service/templates.ts'
import { decodeBase64 } from '../../wire/base64.ts'
import { strict } from './route.ts'

const Base64 = Type.String({ contentEncoding: 'base64', description: 'standard base64 (RFC 4648 section 4)' })

const FileBody = Type.Object(
  {
    path: Type.String({ pattern: '^/', maxLength: 4096 }),
    content: Base64,
    mode: Type.Optional(Type.String({ pattern: '^0?[0-7]{3}$', description: 'octal: 0644' })),
    owner: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
    group: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  },
  strict,
)

/** A request for an instance, or for its plan. */
export const NewInstanceBody = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
    hostname: Type.Optional(Type.String({ description: 'default: made of the name' })),
    provider: Type.Optional(Type.String({ description: 'default: of the image, else the first that has one' })),
    image: Type.Optional(Type.String({ description: "our name, or the cloud's own id; default: the first" })),
    size: Type.Optional(Type.String({ description: "our name, or the cloud's own id; default: the first" })),
    userData: Type.Optional(Base64),
    format: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 100,
        description: 'what the user data are; outranks what they look like',
      }),
    ),
    variablesFromUserData: Type.Optional(
      Type.Boolean({ description: 'the user data are a flat JSON object: its members are variables too' }),
    ),
    publicKeys: Type.Optional(
      Type.Array(Type.String({ description: 'a line as in authorized_keys' }), { maxItems: 100 }),
    ),
    variables: Type.Optional(Type.Record(Type.String(), Type.String())),
    files: Type.Optional(Type.Array(FileBody, { maxItems: 100 })),
    by: Type.Optional(Type.Enum(['metadata', 'disk', 'injection'], { description: 'one way only' })),
    wrap: Type.Optional(
      Type.Boolean({
        description: 'true: where nothing of ours can stand beside the user data, both become parts of one message',
      }),
    ),
    tracking: Type.Optional(
      Type.Boolean({ description: 'false: the guest is told nothing of ours, and reports nothing; default: true' }),
    ),
  },
  { ...strict, title: 'NewInstance' },
)

/**
 * What such a request asks for, in the service's words.
 *
 * @throws {CloudError} invalid naming the field; unavailable where the provider that is asked for does not tell its images
 */
export async function toSpec(
  service: Pick<Service, 'images' | 'sizes' | 'abilities'>,
  wanted: Static<typeof NewInstanceBody>,
  caller: Caller,
): Promise<InstanceSpec> {
  const { name, hostname, format, by, tracking, wrap, publicKeys = [], files = [], variables = {} } = wanted
  if (hostname !== undefined && !isHostname(hostname))
    throw new CloudError('invalid', `hostname: "${hostname.slice(0, 100)}" can be no guest's (letters, digits and -)`)
  const userData = wanted.userData === undefined ? undefined : decodeBase64(wanted.userData, 'userData')
  const found = wanted.variablesFromUserData === true ? variablesOf(userData) : undefined
  const twice = Object.keys(found ?? {}).find((key) => Object.hasOwn(variables, key))
  if (twice !== undefined)
    throw new CloudError('conflict', `variables: "${twice.slice(0, 50)}" is in the user data too; give it once`)
  return {
    ...(name === undefined ? {} : { name }),
    ...(hostname === undefined ? {} : { hostname }),
    ...(userData === undefined ? {} : { userData }),
    ...(format === undefined ? {} : { userDataFormat: format }),
    ...(by === undefined ? {} : { by }),
    ...(tracking === false ? { tracking } : {}),
    ...(wrap === true ? { wrap } : {}),
    ...(await templatesAt(service, wanted, caller)),
    publicKeys: publicKeys.map((line) => toPublicKey(line)),
    variables: { ...variables, ...found },
    files: files.map(toFile),
    labels: found ? { [SECRET_VARIABLES]: 'true' } : {},
  }
}

function toFile({ path, content, mode, owner, group }: Static<typeof FileBody>, index: number): InjectedFile {
  return {
    path,
    bytes: decodeBase64(content, `files.${index}.content`),
    ...(mode === undefined ? {} : { mode: Number.parseInt(mode, 8) }),
    ...(owner === undefined ? {} : { owner }),
    ...(group === undefined ? {} : { group }),
  }
}

/** Where a provider is named, image and size are looked for there alone. */
async function templatesAt(
  service: Pick<Service, 'images' | 'sizes' | 'abilities'>,
  { provider, image, size }: Static<typeof NewInstanceBody>,
  caller: Caller,
): Promise<Pick<InstanceSpec, 'image' | 'size'>> {
  if (provider === undefined)
    return { ...(image === undefined ? {} : { image }), ...(size === undefined ? {} : { size }) }
  const names = service.abilities().map((each) => each.name)
  if (!names.includes(provider))
    throw new CloudError('invalid', `provider: there is no "${provider.slice(0, 100)}"; there are ${names.join(', ')}`)
  const [images, sizes] = await Promise.all([service.images(caller), service.sizes(caller)])
  return {
    image: pick(images, image, provider, 'image').name,
    ...(size === undefined ? {} : { size: pick(sizes, size, provider, 'size').name }),
  }
}

function pick<T extends Image | Size>(
  all: readonly T[],
  wanted: string | undefined,
  provider: string,
  kind: string,
): T {
  const there = all.filter((each) => each.provider === provider)
  const [first] = there
  if (!first) throw new CloudError('unavailable', `${provider} tells of no ${kind} now; try again in a moment`)
  const chosen = wanted === undefined ? first : templateCalled(there, wanted)
  if (chosen) return chosen
  const some = there.slice(0, 10).map(({ name }) => name)
  throw new CloudError('invalid', `${kind}: ${provider} has no "${wanted?.slice(0, 100)}"; it has ${some.join(', ')}`)
}
