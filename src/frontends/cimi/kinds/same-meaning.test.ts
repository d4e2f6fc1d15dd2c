import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { ALICE, header, jsonOf, said } from '../../../../test/e2e/asking.ts'
import { openCimi } from '../../../../test/e2e/cimi-client.ts'
import { hostileText } from '../../../../test/conformance/cimi-samples.ts'
import { anySpec, sampleInstance } from '../../../../test/conformance/store-samples.ts'
import { toHostname, type PublicKey } from '../../../model/context.ts'
import type { InstanceSpec } from '../../../model/instance.ts'
import type { Resource } from '../document.ts'
import { parseJson, renderJson } from '../json.ts'
import { textOf, toResource } from '../resource.ts'
import { parseXml, renderXml } from '../xml.ts'
import { fromInstance, toMachineState } from './machine-map.ts'
import { toNaming } from './naming.ts'

/** The two ways in which a client may send the same. */
const FORMS = [
  { type: 'application/json', render: renderJson },
  { type: 'application/xml', render: renderXml },
] as const

const RUNS = { numRuns: 60 }

/** Something that a client says, and what it means. */
interface Saying<Meaning> {
  readonly said: Resource
  readonly means: Meaning
}

function nameFrom(type: 'MachineImage' | 'MachineConfiguration', names: readonly [string, string]) {
  return fc.tuple(fc.constantFrom(...names), fc.nat({ max: 6 })).map(([name, spelling]): Saying<string> => {
    const path = `machine_images/${name}`
    const ways: readonly Resource[] = [
      toResource(type, { href: name }),
      toResource(type, { href: name.replace('memory-', '') }),
      toResource(type, { href: `http://cloud.example.org:8787/cimi/${path}` }),
      toResource(type, { href: `/cimiv1/red/${path}/` }),
      toResource(type, { href: `${path}?a=b#c` }),
      toResource(type, { id: path, name: 'as it was read', created: '2026-01-01T00:00:00Z' }),
      type === 'MachineImage'
        ? toResource(type, { imageLocation: path })
        : toResource(type, name.endsWith('small') ? { cpu: 1, memory: 512 * 1024 } : { cpu: 4 }),
    ]
    return { said: ways[spelling] ?? assert.fail(), means: name }
  })
}

const KEYS: readonly PublicKey[] = ['alice', 'bob'].map((name) => ({
  name,
  text: `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI ${name}`,
}))

const anyCredential = fc.tuple(fc.constantFrom(...KEYS), fc.boolean()).map(([key, isNamed]): Saying<PublicKey> => {
  const said = { key: key.text, ...(isNamed ? { userName: 'debian' } : {}) }
  return { said: toResource('Credential', said), means: key }
})

const anyBytes = fc.uint8Array({ maxLength: 80 })

/** Base64 as its writers break it. */
const anyUserData = fc.tuple(anyBytes, fc.constantFrom('', '\n', ' ')).map(([bytes, blank]) => ({
  bytes,
  text: (
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,20}/g) ?? []
  ).join(blank),
}))

const anyTemplate = fc.record(
  {
    image: nameFrom('MachineImage', ['memory-debian', 'memory-alpine']),
    size: nameFrom('MachineConfiguration', ['memory-small', 'memory-large']),
    credential: anyCredential,
    userData: anyUserData,
    device: fc.constantFrom('vdb', 'vdc'),
  },
  { requiredKeys: ['image', 'size'] },
)

const anyNaming = fc.record(
  { name: hostileText, description: hostileText, properties: fc.dictionary(hostileText, hostileText, { maxKeys: 3 }) },
  { requiredKeys: [] },
)

type Template = typeof anyTemplate extends fc.Arbitrary<infer T> ? T : never
type Naming = typeof anyNaming extends fc.Arbitrary<infer T> ? T : never

function toTemplate({ image, size, credential, userData, device }: Template, volume: string): Resource {
  return toResource('MachineTemplate', {
    machineImage: image.said,
    machineConfig: size.said,
    credential: credential?.said,
    userData: userData?.text,
    volumes:
      device === undefined ? [] : [toResource('MachineTemplateVolume', { href: volume, initialLocation: device })],
  })
}

function toNamingAttributes({ name, description, properties }: Naming) {
  return { name, description, properties: properties && new Map(Object.entries(properties)) }
}

const filled = (text: string | undefined): string | undefined => (text?.trim() ? text.trim() : undefined)

/** What shall be kept of it, but for labels, which `toNaming` alone reads and writes. */
function expected({ userData, credential }: Template, naming: Naming): Omit<InstanceSpec, 'labels' | 'image' | 'size'> {
  const name = filled(naming.name)
  const hostname = name === undefined ? undefined : toHostname(name)
  return {
    ...(name === undefined ? {} : { name }),
    ...(hostname === undefined ? {} : { hostname }),
    ...(userData ? { userData: Uint8Array.from(userData.bytes) } : {}),
    publicKeys: credential ? [credential.means] : [],
    variables: { ...naming.properties },
    files: [],
  }
}

test('a request means the same in JSON and XML, and the machine is what it says', async (t) => {
  const { ask, make, service, provider } = await openCimi(t)
  const volume = await make('volumes', { volumeTemplate: { volumeConfig: { capacity: 1024 } } })
  await fc.assert(
    fc.asyncProperty(anyTemplate, anyNaming, fc.boolean(), async (template, naming, isAbove) => {
      const whole = toTemplate(template, volume)
      const userData = template.userData?.text
      const { userData: _, ...alone } = Object.fromEntries(whole.attributes)
      const request = toResource('MachineCreate', {
        ...toNamingAttributes(naming),
        machineTemplate: isAbove ? toResource('MachineTemplate', alone) : whole,
        userData: isAbove ? userData : undefined,
      })
      for (const { type, render } of FORMS) {
        const response = await ask('POST machines', render(request), { 'Content-Type': type })
        assert.equal(response.status, 201, said(response))
        const url = header(response, 'Location')
        const id = url.slice(url.lastIndexOf('/') + 1)
        const { spec, image, size } = await service.get(id, ALICE)
        const { labels, image: _, size: __, userData: bytes, ...kept } = spec
        assert.deepEqual({ ...kept, ...(bytes && { userData: Uint8Array.from(bytes) }) }, expected(template, naming))
        assert.deepEqual(labels, toNaming(request).labels)
        assert.deepEqual([image.name, size.name], [template.image.means, template.size.means])
        const [vm = assert.fail()] = await provider.made(id)
        assert.deepEqual(
          Buffer.from(vm.request.spec.userData ?? []).toString('hex'),
          Buffer.from(template.userData?.bytes ?? []).toString('hex'),
        )
        const disks = (await service.links.ofInstance(id, ALICE)).filter(({ kind }) => kind === 'volume')
        assert.deepEqual(
          disks.map((link) => link.kind === 'volume' && volume.endsWith(link.volumeId)),
          template.device === undefined ? [] : [true],
        )
        const shown = jsonOf(await ask(`GET ${url}`))
        assert.deepEqual(shown['properties'] ?? {}, { ...naming.properties })
        assert.equal(shown['name'], filled(naming.name) ?? id)
        assert.equal((await ask(`DELETE ${url}`)).status, 200)
      }
    }),
    RUNS,
  )
})

test('a template that is read, in either form, and sent again makes an equal one', async (t) => {
  const { ask, make, get } = await openCimi(t)
  const volume = await make('volumes', { volumeTemplate: { volumeConfig: { capacity: 1024 } } })
  const shared = async (url: string): Promise<object> => {
    const { id: _, created: __, updated: ___, operations: ____, ...rest } = await get(url)
    return rest
  }
  await fc.assert(
    fc.asyncProperty(anyTemplate, anyNaming, fc.constantFrom(...FORMS), async (template, naming, first) => {
      const request = toResource('MachineTemplate', {
        ...toNamingAttributes({ ...naming, name: naming.name?.trim() || 'named' }),
        description: filled(naming.description) ?? 'described',
        ...Object.fromEntries(toTemplate(template, volume).attributes),
      })
      const sent = await ask('POST machine_templates', first.render(request), { 'Content-Type': first.type })
      assert.equal(sent.status, 201, said(sent))
      const url = header(sent, 'Location')
      const urls = [url]
      for (const { type } of FORMS) {
        const read = await ask(`GET ${url}`, '', { Accept: type })
        const again = await ask('POST machine_templates', read.body, { 'Content-Type': type })
        assert.equal(again.status, 201, said(again))
        urls.push(header(again, 'Location'))
      }
      const bytes = template.userData && Buffer.from(template.userData.bytes).toString('base64')
      const [original, ...copies] = await Promise.all(urls.map(shared))
      assert.equal(Reflect.get(original ?? {}, 'userData'), bytes)
      for (const copy of copies) assert.deepEqual(copy, original)
      for (const each of urls) assert.equal((await ask(`DELETE ${each}`)).status, 200)
    }),
    RUNS,
  )
})

test('a machine is the same in JSON and XML, whatever its instance is', () => {
  const states = fc.constantFrom(
    ...(['creating', 'active', 'inactive', 'suspended', 'deleting', 'error', 'unknown'] as const),
  )
  const labels = fc.record(
    {
      'cimi.description': hostileText.map((text) => text.trim()).filter((text) => text !== ''),
      'cimi.properties': fc
        .array(fc.tuple(hostileText, hostileText), { maxLength: 3 })
        .map((pairs) => JSON.stringify(pairs)),
      'cimi.paused': fc.constant('true'),
    },
    { requiredKeys: [] },
  )
  const naming = fc.record(
    { name: hostileText, variables: fc.dictionary(hostileText, hostileText), labels },
    { requiredKeys: ['variables', 'labels'] },
  )
  const can = fc.record({
    actions: fc.subarray(['start', 'stop', 'restart', 'suspend', 'resume'] as const),
    savesImages: fc.boolean(),
  })
  const url = (...segments: readonly string[]) => `http://h/cimi/${segments.map(encodeURIComponent).join('/')}`
  fc.assert(
    fc.property(anySpec, naming, states, can, (spec, given, state, abilities) => {
      const instance = sampleInstance({ state, spec: { ...spec, ...given } })
      const machine = fromInstance(instance, abilities, { url })
      assert.deepEqual(parseJson(Buffer.from(renderJson(machine)), 'Machine').resource, machine)
      assert.deepEqual(parseXml(Buffer.from(renderXml(machine)), 'Machine').resource, machine)
      for (const name of ['name', 'description'] as const) assert.notEqual(textOf(machine, name), undefined, name)
      const paused = state === 'suspended' && 'cimi.paused' in given.labels
      assert.equal(machine.attributes.get('state'), paused ? 'PAUSED' : toMachineState(state))
      if (spec.userData && spec.userData.byteLength > 8)
        assert.ok(!renderJson(machine).includes(Buffer.from(spec.userData).toString('base64')))
    }),
    { numRuns: 300 },
  )
})
