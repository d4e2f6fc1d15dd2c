import type { Service } from '../../service/service.ts'
import { discover } from './catalogue.ts'
import type { Entities } from './entity-kind.ts'
import type { Resource } from './exchange.ts'
import { filterOf } from './filter.ts'
import { addUsersMixins, deleteUsersMixins } from './users-mixins.ts'

/**
 * The query interface: what there is, and the mixins that clients make.
 *
 * @see GFD.223 section 11
 */
export function discovery(service: Pick<Service, 'labels'>, kinds: readonly Entities[]): Resource {
  return {
    isList: false,
    methods: {
      GET: async ({ request, catalogue }) => {
        const categories = discover(await catalogue(), filterOf(request).categories)
        return { status: 200, answer: { shows: 'categories', categories } }
      },
      POST: (exchange) => addUsersMixins(service, exchange),
      DELETE: (exchange) => deleteUsersMixins(service, kinds, exchange),
    },
  }
}
