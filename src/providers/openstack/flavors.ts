import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError } from '../../model/errors.ts'
import type { Size } from '../../model/instance.ts'
import { allPages } from './pages.ts'
import type { Session } from './session.ts'

const body = Compile(
  Type.Object({
    flavors: Type.Array(
      Type.Object({
        id: Type.String({ minLength: 1 }),
        name: Type.String(),
        vcpus: Type.Integer(),
        ram: Type.Integer(),
        disk: Type.Integer(),
      }),
    ),
    flavors_links: Type.Optional(Type.Array(Type.Object({ rel: Type.String() }))),
  }),
)

/** The flavors that the project can use, by their ids. @see Nova, Compute API: List flavors with details */
export async function listFlavors(session: Session, provider: string): Promise<readonly Size[]> {
  const what = `${provider}: list flavors`
  const flavors = await allPages(async (marker) => {
    const query = marker === undefined ? {} : { marker }
    const answer = await session.request('compute', { method: 'GET', path: '/flavors/detail', query })
    const json = answer.json()
    if (!body.Check(json)) throw new CloudError('provider-failed', `${what}: the answer is no list as Nova shows one`)
    return { items: json.flavors, hasMore: json.flavors_links?.some(({ rel }) => rel === 'next') === true }
  }, what)
  return flavors.map(({ id, name, vcpus, ram, disk }) => ({
    name: `${provider}-${id}`,
    provider,
    remoteId: id,
    title: name || id,
    cores: vcpus,
    memoryMiB: ram,
    // With 0 the image decides.
    ...(disk > 0 ? { diskGiB: disk } : {}),
  }))
}
