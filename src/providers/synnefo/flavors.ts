import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError } from '../../model/errors.ts'
import type { Size } from '../../model/instance.ts'
import type { Session } from './session.ts'

const body = Compile(
  Type.Object({
    flavors: Type.Array(
      Type.Object({
        id: Type.Integer(),
        name: Type.String(),
        vcpus: Type.Integer(),
        ram: Type.Integer(),
        disk: Type.Integer(),
        // Absent on sites that let everybody use all.
        'SNF:allow_create': Type.Optional(Type.Boolean()),
      }),
    ),
  }),
)

/** The flavors that servers can be made with, by their ids. @see Synnefo, Compute API: List flavors */
export async function listFlavors(session: Session, provider: string): Promise<readonly Size[]> {
  const json = (await session.request('compute', { method: 'GET', path: '/flavors/detail' })).json()
  if (!body.Check(json))
    throw new CloudError('provider-failed', `${provider}: the answer is no list of flavors as Cyclades shows one`)
  return json.flavors
    .filter((flavor) => flavor['SNF:allow_create'] !== false)
    .map(({ id, name, vcpus, ram, disk }) => ({
      name: `${provider}-${id}`,
      provider,
      remoteId: String(id),
      title: name || String(id),
      cores: vcpus,
      memoryMiB: ram,
      ...(disk > 0 ? { diskGiB: disk } : {}),
    }))
}
