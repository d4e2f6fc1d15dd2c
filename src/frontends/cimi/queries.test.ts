import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { header, said, textOf } from '../../../test/e2e/asking.ts'
import { CIMI, NS, openCimi, TEMPLATE, type Json } from '../../../test/e2e/cimi-client.ts'

/** Three machines, in the order of their making; the second is the only large one. */
async function openThree(t: Pick<TestContext, 'after'>) {
  const opened = await openCimi(t)
  const make = async (name: string, size: string, role: string): Promise<string> => {
    const template = { ...TEMPLATE, machineConfig: { href: `memory-${size}` } }
    const id = await opened.make('machines', { name, properties: { role }, machineTemplate: template })
    // Times are known to the millisecond.
    await setTimeout(2)
    return id
  }
  const ids = [
    await make('web', 'small', 'front'),
    await make('db', 'large', 'back'),
    await make('app', 'small', 'back'),
  ]
  for (const id of ids) await opened.get(id)

  /** Count and names that are left, in their order. */
  async function ask(...parameters: string[]): Promise<readonly [count: unknown, ...names: unknown[]]> {
    const { count, machines } = await opened.get(`machines?${toQuery(parameters)}`)
    return [count, ...(machines as readonly Json[]).map(({ name }) => name)]
  }
  return { ...opened, ids, query: ask }
}

/** `name=value`, of which the value is escaped. */
function toQuery(parameters: readonly string[]): string {
  return parameters
    .map((each) => {
      const [name = '', ...value] = each.split('=')
      return `${name}=${encodeURIComponent(value.join('='))}`
    })
    .join('&')
}

const ALL = [3, 'web', 'db', 'app'] as const

/** What is asked, and what is left: the count, then the names. */
const QUERIES: readonly (readonly [parameters: readonly string[], left: readonly (number | string)[]])[] = [
  [[], ALL],
  [["$filter=name='db'"], [1, 'db']],
  [['$filter="db"=name'], [1, 'db']],
  [["$filter=name!='db'"], [2, 'web', 'app']],
  [['$filter=cpu>1'], [1, 'db']],
  [['$filter=cpu<=1 and memory=524288'], [2, 'web', 'app']],
  [["$filter=state='STARTED'"], ALL],
  [['$filter=property[\'role\']="back"'], [2, 'db', 'app']],
  [["$filter=property['role']!='back'"], [1, 'web']],
  [["$filter=name='web' or name='db' and cpu=1"], [1, 'web']],
  [["$filter=(name='web' or name='db') and cpu=1"], [1, 'web']],
  [
    ["$filter=property['role']='back'", '$filter=cpu=1'],
    [1, 'app'],
  ],
  [['$filter=created>"2026-01-01"'], ALL],
  [['$filter=created<2000-01-01'], [0]],
  [["$filter=disks/href='nowhere'"], [0]],
  [["$filter=colour='red'"], [0]],
  [["$filter=resourceURI='http://schemas.dmtf.org/cimi/1/Machine'"], ALL],
  [["$filter=operations/rel='delete'"], ALL],
  [['$first=2'], [3, 'db', 'app']],
  [['$last=1'], [3, 'web']],
  [
    ['$first=2', '$last=2'],
    [3, 'db'],
  ],
  [['$first=3', '$last=2'], [3]],
  [['$first=9'], [3]],
  [['$first=0', '$last=99'], ALL],
  [['$first=-1', '$last=-1'], [3]],
  [['$first=two', '$last='], ALL],
  [
    ["$filter=property['role']='back'", '$last=1'],
    [2, 'db'],
  ],
  [['$orderby=name'], [3, 'app', 'db', 'web']],
  [['$orderby=name:desc'], [3, 'web', 'db', 'app']],
  [['$orderby=created:desc'], [3, 'app', 'db', 'web']],
  [['$orderby=cpu:desc,name:asc'], [3, 'db', 'app', 'web']],
  [
    ['$orderby=cpu:desc', '$orderby=name'],
    [3, 'db', 'app', 'web'],
  ],
  [
    ['$orderby=name', '$first=1', '$last=2'],
    [3, 'app', 'db'],
  ],
  [['$orderby=colour'], ALL],
  [['filter=cpu>1', 'first=2', 'last=2', 'orderby=name', 'select=id'], ALL],
]

test('machines are filtered, ordered and paged; count is of all that match', async (t) => {
  const { query } = await openThree(t)
  for (const [parameters, left] of QUERIES) assert.deepEqual(await query(...parameters), left, parameters.join(' & '))
})

test('the page is the same in XML', async (t) => {
  const { ask } = await openThree(t)
  const xml = textOf(await ask('GET machines?$first=2&$last=2&$select=name&$format=xml'))
  assert.equal(
    xml,
    `<Collection xmlns="${NS}" resourceURI="${NS}/MachineCollection"><id>${CIMI}/machines</id><count>3</count>` +
      `<Machine><name>db</name></Machine><operation rel="add" href="${CIMI}/machines"/></Collection>`,
  )
})

test('a bad filter is 400 and tells where it is bad; too many orders are as well', async (t) => {
  const { ask } = await openThree(t)
  for (const filter of [
    'cpu',
    'cpu=',
    '=1',
    'cpu==1',
    'cpu=1 and',
    "name='web",
    '(cpu=1',
    'cpu=1)',
    'cpu~1',
    "property['a']>'b'",
  ])
    for (const url of ['machines', 'volumes', 'jobs', 'networks']) {
      const response = await ask(`GET ${url}?${toQuery([`$filter=${filter}`])}`)
      assert.equal(response.status, 400, `${filter} ${said(response)}`)
      assert.match(said(response), /\$filter/, filter)
    }
  const orders = Array.from({ length: 17 }, (_, index) => `a${index}`).join(',')
  assert.match(said(await ask(`GET machines?${toQuery([`$orderby=${orders}`])}`)), /^400 .*\$orderby/)
})

test('$select keeps what it names, in collections within each item, and always resourceURI', async (t) => {
  const { get, ids } = await openThree(t)
  const [id = ''] = ids
  const web = { resourceURI: `${NS}/Machine`, id, name: 'web' }
  assert.deepEqual(await get(`${id}?$select=name,id`), web)
  assert.deepEqual(await get(`${id}?$select=name&$select=id,colour`), web)
  assert.deepEqual(await get(`${id}?$select=*`), await get(id))
  assert.deepEqual(await get(`${id}?$select=`), await get(id))
  assert.deepEqual(await get(`${id}?$select=colour`), { resourceURI: `${NS}/Machine` })
  const { machines, ...rest } = await get('machines?$select=id,name&$last=1')
  assert.deepEqual(machines, [web])
  assert.deepEqual(rest, {
    resourceURI: `${NS}/MachineCollection`,
    id: `${CIMI}/machines`,
    count: 3,
    operations: [{ rel: 'add', href: `${CIMI}/machines` }],
  })
  const { machines: named } = await get('machines?$select=name&$filter=cpu>1')
  assert.deepEqual(named, [{ resourceURI: `${NS}/Machine`, name: 'db' }], 'a filter sees what is not selected')
})

test('$expand puts what a reference leads to in its place, beside its href', async (t) => {
  const { ask, get, ids } = await openThree(t)
  const id = ids[1] ?? ''
  const plain = await get(id)
  const expanded = await get(`${id}?$expand=disks,colour`)
  const { resourceURI: _, ...disks } = await get(`${id}/disks`)
  assert.deepEqual(expanded, { ...plain, disks: { href: `${id}/disks`, ...disks } })
  assert.equal(disks['count'], 1)

  const all = await get(`${id}?$expand=*`)
  for (const name of ['disks', 'volumes', 'networkInterfaces', 'eventLog']) {
    const part = all[name] as Json
    assert.equal(part['id'], part['href'], name)
    assert.deepEqual(plain[name], { href: part['href'] }, name)
  }
  const { machines } = await get('machines?$expand=volumes&$select=volumes&$last=1')
  assert.deepEqual((machines as readonly Json[])[0]?.['volumes'], {
    id: `${ids[0]}/volumes`,
    href: `${ids[0]}/volumes`,
    count: 0,
    machineVolumes: [],
    operations: [{ rel: 'add', href: `${ids[0]}/volumes` }],
  })
  assert.match(
    textOf(await ask(`GET ${id}?$expand=disks&$select=disks&$format=xml`)),
    new RegExp(
      `<disks href="${id}/disks" resourceURI="${NS}/DiskCollection"><id>${id}/disks</id><count>1</count><Disk>.*</Disk></disks>`,
    ),
  )
})

test('the entry point can be expanded and selected from too', async (t) => {
  const { get } = await openThree(t)
  const { machines, ...rest } = await get('cloudEntryPoint?$expand=machines&$select=machines')
  assert.deepEqual(rest, { resourceURI: `${NS}/CloudEntryPoint` })
  assert.deepEqual([(machines as Json)['href'], (machines as Json)['count']], [`${CIMI}/machines`, 3])
})

test('what is expanded is not itself cut down by the query', async (t) => {
  const { get } = await openThree(t)
  const { machines } = await get("cloudEntryPoint?$expand=machines&$filter=name='db'&$first=2&$last=2")
  assert.equal(((machines as Json)['machines'] as readonly Json[]).length, 3)
})

test('a reference that leads to what the caller cannot see stays as it is', async (t) => {
  const { ask, get, make, machine } = await openCimi(t)
  const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAnMa1tdYHOLlBV8FVZR2FJkrxzk+lPJ+gh8iSjTgQqz me'
  const credential = await make('credentials', { credentialTemplate: { key } })
  const template = await make('machine_templates', { ...TEMPLATE, credential: { href: credential } })
  assert.equal(((await get(`${template}?$expand=credential`))['credential'] as Json)['key'], key)
  assert.equal((await ask(`DELETE ${credential}`)).status, 200)
  assert.deepEqual((await get(`${template}?$expand=*`))['credential'], { href: credential })
  assert.ok(await machine())
})

/** Collections and an attribute that all of their items have. */
const SERVED = ['machine_images', 'machine_configurations', 'networks', 'jobs', 'event_logs', 'resource_metadata']

for (const path of SERVED)
  test(`${path} are filtered, ordered, paged and selected from like machines`, async (t) => {
    const { ask, get } = await openThree(t)
    const { count, resourceURI } = await get(path)
    const itemsOf = async (...parameters: string[]): Promise<readonly Json[]> => {
      const found = await get(`${path}?${toQuery(parameters)}`)
      return Object.values(found).find((value) => Array.isArray(value)) as readonly Json[]
    }
    const names = (await itemsOf()).map(({ name }) => String(name))
    assert.equal(names.length, count)
    assert.deepEqual(
      (await itemsOf('$orderby=name')).map(({ name }) => name),
      names.toSorted(),
    )
    const [first = ''] = names
    for (const { name } of await itemsOf(`$filter=name='${first}'`)) assert.equal(name, first)
    const [only, ...more] = await itemsOf('$last=1', '$select=name')
    assert.deepEqual([only, more], [{ resourceURI: String(resourceURI).replace('Collection', ''), name: first }, []])
    assert.equal(header(await ask(`GET ${path}?$format=xml`), 'Content-Type'), 'application/xml')
  })
