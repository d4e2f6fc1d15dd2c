import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { ALICE, BOB, header, jsonOf, said } from '../../../../test/e2e/asking.ts'
import { NS, openCimi, TEMPLATE, type Json } from '../../../../test/e2e/cimi-client.ts'
import type { ContextEvent } from '../../../model/events.ts'

const userData = Buffer.from('#!/bin/sh\n').toString('base64')
const idOf = (url: string): string => url.slice(url.lastIndexOf('/') + 1)

async function open(t: Parameters<typeof openCimi>[0], options: Parameters<typeof openCimi>[1] = {}) {
  const opened = await openCimi(t, options)
  const { get, store } = opened
  const jobs = async () => ((await get('jobs')) as { jobs: readonly Json[] }).jobs
  /** Records what was seen of a machine. */
  const saw = async (
    url: string,
    ...events: readonly (Pick<ContextEvent, 'kind' | 'source'> & Partial<ContextEvent>)[]
  ) =>
    await store.appendEvents(
      events.map((event, index) => ({ at: 1_790_000_000_000 + index, instanceId: idOf(url), revision: 1, ...event })),
    )
  const delivery = async (url: string) => await get(`jobs/${idOf(url)}.delivery`)
  return { ...opened, jobs, saw, delivery }
}

test('the job that makes a machine runs while it is made', async (t) => {
  const { ask, get, jobs } = await open(t, { cloud: { bootMs: 60_000 } })
  assert.deepEqual(await jobs(), [])
  const response = await ask('POST machines', { name: 'web', machineTemplate: TEMPLATE })
  const [machine, url] = [header(response, 'Location'), header(response, 'CIMI-Job-URI')]
  assert.equal(url, `http://cloud.example.org:8787/cimi/jobs/${idOf(machine)}`)
  const running = await get(url)
  assert.deepEqual([running['state'], running['action'], running['name']], ['RUNNING', 'add', 'make web'])
  assert.deepEqual([running['targetResource'], running['affectedResources']], [{ href: machine }, [{ href: machine }]])
  assert.equal('returnCode' in running, false)
})

test('the job that made a machine tells of its data by a job within it', async (t) => {
  const { ask, get, jobs } = await open(t)
  const response = await ask('POST machines', { machineTemplate: { ...TEMPLATE, userData } })
  const url = header(response, 'CIMI-Job-URI')
  const done = await get(url)
  assert.deepEqual([done['state'], done['progress'], done['returnCode']], ['SUCCESS', 100, 0])
  assert.equal(done['statusMessage'], 'the machine is there; its data: offered')
  assert.deepEqual(done['nestedJobs'], [{ href: `${url}.delivery` }])
  assert.deepEqual((await get(`${url}.delivery`))['parentJob'], { href: url })
  assert.deepEqual(
    (await jobs()).map(({ id }) => id),
    [url, `${url}.delivery`],
  )
})

test('the job of a machine that could not be made says why', async (t) => {
  const faults = { create: { slowMs: 100, before: 'conflict' as const } }
  const { ask, get } = await open(t, { answerMs: 1, cloud: { faults } })
  const response = await ask('POST machines', { machineTemplate: TEMPLATE })
  assert.equal(response.status, 201, said(response))
  const [machine, url] = [header(response, 'Location'), header(response, 'CIMI-Job-URI')]
  while ((await get(machine))['state'] === 'CREATING') await new Promise((resolve) => setTimeout(resolve, 20))
  const failed = await get(url)
  assert.deepEqual([failed['state'], failed['progress'], failed['returnCode']], ['FAILED', 100, 1])
  assert.equal(failed['statusMessage'], 'create: a fault that was asked for')
  assert.deepEqual(failed['timeOfStatusChange'], (await get(machine))['updated'])
})

test('who does not want to wait is given the job', async (t) => {
  const { ask, get } = await open(t)
  const response = await ask('POST machines', { machineTemplate: TEMPLATE }, { Prefer: 'respond-async' })
  assert.equal(response.status, 202, said(response))
  const job = jsonOf(response)
  assert.equal(job['id'], header(response, 'CIMI-Job-URI'))
  assert.equal((await get(header(response, 'CIMI-Job-URI')))['resourceURI'], `${NS}/Job`)
})

test('the nested job follows the delivery of the data', async (t) => {
  const { machine, saw, delivery } = await open(t, { cloud: { bootMs: 60_000 } })
  const url = await machine({ userData })
  const seen = async () => {
    const { state, progress, returnCode, statusMessage, timeOfStatusChange } = await delivery(url)
    return [state, progress, returnCode, statusMessage, timeOfStatusChange]
  }
  assert.deepEqual((await seen()).slice(0, 4), ['RUNNING', 25, undefined, 'offered'])
  await saw(url, { kind: 'access', source: 'metadata', method: 'metadata', path: '/latest/meta-data/' })
  assert.deepEqual((await seen()).slice(0, 4), ['RUNNING', 25, undefined, 'offered'])
  await saw(url, { kind: 'fetched', source: 'metadata', method: 'metadata', path: '/latest/user-data', bytes: 10 })
  assert.deepEqual(await seen(), ['RUNNING', 60, undefined, 'fetched by metadata', '2026-09-21T14:13:20Z'])
  await saw(url, { at: 1_790_000_060_000, kind: 'applied', source: 'agent', exitCode: 0 })
  const applied = ['SUCCESS', 100, 0, 'applied by metadata', '2026-09-21T14:14:20Z']
  assert.deepEqual(await seen(), applied)
  // What comes later changes neither the state nor when it came.
  await saw(url, { at: 1_790_000_120_000, kind: 'failed', source: 'agent', detail: 'second run' })
  await saw(url, { at: 1_790_000_180_000, kind: 'finished', source: 'console' })
  assert.deepEqual(await seen(), applied)
})

test('a delivery that failed, was only planned, or ended without proof says so', async (t) => {
  const { machine, saw, delivery } = await open(t, {
    answerMs: 1,
    cloud: { faults: { create: { slowMs: 60_000 } } },
  })
  const planned = await machine({ userData })
  assert.deepEqual([(await delivery(planned))['state'], (await delivery(planned))['progress']], ['QUEUED', 0])
  const failed = await machine({ userData })
  await saw(
    failed,
    { kind: 'fetched', source: 'metadata', method: 'metadata' },
    { kind: 'failed', source: 'agent', exitCode: 3, detail: 'exit code 3' },
    { kind: 'finished', source: 'console', detail: 'up 30 s' },
  )
  const job = await delivery(failed)
  assert.deepEqual([job['state'], job['returnCode']], ['FAILED', 1])
  assert.equal(job['statusMessage'], 'failed by metadata: exit code 3')
  const unproven = await machine({ userData })
  await saw(
    unproven,
    { kind: 'fetched', source: 'metadata', method: 'metadata' },
    { kind: 'finished', source: 'console' },
  )
  const ended = await delivery(unproven)
  assert.deepEqual([ended['state'], 'returnCode' in ended], ['STOPPED', false])
  assert.match(String(ended['statusMessage']), /^fetched by metadata; .*nothing proves/)
  assert.equal(ended['timeOfStatusChange'], '2026-09-21T14:13:20Z')
})

test('each action has a job of its own, whose id stays', async (t) => {
  const { machine, ask, get, jobs, saw } = await open(t)
  const url = await machine()
  const done: string[] = []
  for (const verb of ['stop', 'restart', 'suspend', 'start', 'pause', 'start']) {
    const response = await ask(`POST ${url}/${verb}`)
    assert.equal(response.status, 202, said(response))
    const job = header(response, 'CIMI-Job-URI')
    done.push(job)
    const { state, progress, returnCode, targetResource, created } = await get(job)
    assert.deepEqual([state, progress, returnCode, targetResource], ['SUCCESS', 100, 0, { href: url }])
    assert.match(String(created), /^2\d{3}-/)
    await saw(url, { kind: 'access', source: 'metadata', path: '/x' })
  }
  const actions = await Promise.all(done.map(async (job) => String((await get(job))['action'])))
  assert.deepEqual(
    actions.map((action) => action.replace(`${NS}/action/`, '')),
    ['stop', 'start', 'suspend', 'start', 'suspend', 'start'],
  )
  assert.equal(new Set(done).size, done.length)
  assert.deepEqual(
    (await jobs()).slice(2).map(({ id }) => id),
    done,
  )
  for (const job of await jobs()) assert.deepEqual(await get(String(job['id'])), job)
})

test('jobs of what is not there, and of other projects, are not found', async (t) => {
  const { machine, ask, get } = await open(t)
  const id = idOf(await machine())
  for (const job of [id, `${id}.delivery`]) {
    assert.equal((await ask(`GET jobs/${job}`)).status, 200)
    assert.equal((await ask(`GET jobs/${job}`, '', {}, BOB)).status, 404)
  }
  for (const job of ['none', `${id}.0`, `${id}.1`, `${id}.99`, `${id}.delivery.1`, `${id}.`, '.delivery'])
    assert.equal((await ask(`GET jobs/${job}`)).status, 404, job)
  assert.equal((await get('jobs', BOB))['count'], 0)
  assert.equal((await ask(`DELETE machines/${id}`)).status, 200)
  assert.equal((await ask(`GET jobs/${id}`)).status, 404)
})

test('a log shows each event of the delivery with what came of it', async (t) => {
  const { machine, ask, get, saw, service } = await open(t)
  const url = await machine({ userData })
  const log = String(((await get(url))['eventLog'] as Json)['href'])
  assert.equal(log, `http://cloud.example.org:8787/cimi/event_logs/${idOf(url)}`)
  await saw(
    url,
    { kind: 'access', source: 'metadata', method: 'metadata', path: '/latest/meta-data/' },
    { kind: 'fetched', source: 'metadata', method: 'metadata', path: '/latest/user-data', bytes: 10, sha256: 'ab' },
    { kind: 'applied', source: 'agent', exitCode: 0 },
    { kind: 'failed', source: 'console', detail: 'modules failed' },
  )
  await ask(`POST ${url}/stop`)
  const { targetResource, events: reference, summary, persistence } = await get(log)
  assert.deepEqual([targetResource, reference], [{ href: url }, { href: `${log}/events` }])
  assert.equal(persistence, undefined)
  const { events } = (await get(`${log}/events`)) as { events: readonly Json[] }
  assert.equal(events.length, (await service.events(idOf(url), ALICE)).length)
  assert.deepEqual(summary, { low: events.length - 1, medium: 0, high: 1, critical: 0 })
  const shown = events.map(({ type, content, outcome, severity }) => {
    const { state, previous, operation } = content as Json
    return [String(type).replace(`${NS}/event/`, ''), operation ?? state, previous, outcome, severity]
  })
  const once = new Set(shown.map((each) => JSON.stringify(each)))
  for (const expected of [
    ['state', 'planned', undefined, 'Pending', 'low'],
    ['state', 'offered', undefined, 'Pending', 'low'],
    ['state', 'STARTED', 'CREATING', 'Status', 'low'],
    ['access', 'read', undefined, 'Success', 'low'],
    ['state', 'fetched', undefined, 'Status', 'low'],
    ['state', 'applied', undefined, 'Success', 'low'],
    ['state', 'failed', undefined, 'Failure', 'high'],
    ['access', 'stop', undefined, 'Status', 'low'],
    ['state', 'STOPPED', 'STARTED', 'Status', 'low'],
  ])
    assert.ok(once.delete(JSON.stringify(expected)), JSON.stringify([expected, ...once]))
  assert.deepEqual([...once], [])
  const fetched = events.find(({ content }) => (content as Json)['state'] === 'fetched')
  assert.deepEqual(fetched?.['content'], {
    resName: 'web',
    resource: { href: url },
    resType: `${NS}/Machine`,
    state: 'fetched',
    detail: 'fetched (metadata): by metadata, /latest/user-data, 10 bytes, sha256 ab',
  })
  for (const event of events) assert.deepEqual(await get(String(event['id'])), event)
})

test('logs are those of the project; what is not in them is not found', async (t) => {
  const { machine, ask, get } = await open(t)
  assert.equal((await get('event_logs'))['count'], 0)
  const id = idOf(await machine())
  const { eventLogs } = (await get('event_logs')) as { eventLogs: readonly Json[] }
  assert.deepEqual(eventLogs, [await get(`event_logs/${id}`)])
  for (const place of ['none', `${id}/events/0`, `${id}/events/99`, `${id}/events/x`, 'none/events'])
    assert.equal((await ask(`GET event_logs/${place}`)).status, 404, place)
  for (const place of [id, `${id}/events`, `${id}/events/1`])
    assert.equal((await ask(`GET event_logs/${place}`, '', {}, BOB)).status, 404, place)
  assert.equal((await get('event_logs', BOB))['count'], 0)
})
