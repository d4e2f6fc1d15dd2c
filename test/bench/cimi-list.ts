/**
 * What a list of 10,000 machines costs in JSON and XML, whole, by pages, and filtered.
 *
 *     node test/bench/cimi-list.ts [--check] [--quick]
 */
import { cimiFrontend } from '../../src/frontends/cimi/index.ts'
import { measureLists, type ListRow } from './lists.ts'

await measureLists(
  (service) => cimiFrontend({ service, publicUrl: 'http://cloud.example.org:8787' }).handler,
  [
    list('JSON'),
    list('XML', { $format: 'xml' }),
    list('JSON, page of 100', { $first: '301', $last: '400' }),
    list('JSON, page of 100, newest first', { $orderby: 'created:desc', $first: '301', $last: '400' }),
    list('JSON, id, name and state only', { $select: 'id,name,state' }),
    list('JSON, one name', { $filter: "name='vm 7'" }),
    list('JSON, a property and a state, page of 100', {
      $filter: "property['role']='web' and state='STARTED'",
      $first: '1',
      $last: '100',
    }),
  ],
  (count) => ({
    'cimi.description': 'one of many',
    'cimi.properties': JSON.stringify([['role', count % 2 === 0 ? 'web' : 'db']]),
  }),
)

function list(name: string, query: Readonly<Record<string, string>> = {}): ListRow {
  return { name, path: '/cimi/machines', query: new URLSearchParams(query).toString(), headers: [] }
}
