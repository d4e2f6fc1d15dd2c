/**
 * What a list of 10,000 computes costs, whole and by pages, in text and in JSON.
 *
 *     node test/bench/occi-list.ts [--check] [--quick]
 */
import { occiFrontend } from '../../src/frontends/occi/index.ts'
import { measureLists, type ListRow } from './lists.ts'

const JSON_TYPE = 'application/occi+json'

await measureLists(
  (service) => occiFrontend({ service, publicUrl: 'http://cloud.example.org:8787', version: '1.0' }),
  [
    list('text/plain'),
    list('text/uri-list'),
    {
      ...list('text/plain'),
      name: 'text/plain, by an attribute',
      headers: [
        ['Accept', 'text/plain'],
        ['X-OCCI-Attribute', 'occi.core.title="vm 7"'],
      ],
    },
    list(JSON_TYPE),
    { ...list(JSON_TYPE), name: `${JSON_TYPE}, page of 100`, query: 'page=3&number=100' },
  ],
  () => ({ 'occi.mixins': '' }),
)

function list(type: string): ListRow {
  return { name: type, path: '/compute/', headers: [['Accept', type]] }
}
