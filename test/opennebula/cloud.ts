import { Buffer } from 'node:buffer'
import { createCipheriv, randomBytes } from 'node:crypto'
import { contextScript, isYes, type ContextRules } from './context.ts'
import { createLifecycle, type Delays, type Lifecycle } from './lifecycle.ts'
import { release } from './leases.ts'
import type { Host, Image, Network, User, Version, Vm, VmTemplate } from './model.ts'
import { vectorOf, type Vector } from './template.ts'
import { PROFILES, type Profile } from './version.ts'

/** Everything that a front end knows. Positions in the lists are the ids, but for users. */
export interface Cloud {
  readonly version: Version
  readonly profile: Profile
  readonly contextRules: ContextRules
  readonly users: User[]
  readonly templates: VmTemplate[]
  readonly images: Image[]
  readonly networks: Network[]
  readonly hosts: Host[]
  readonly vms: Vm[]
  readonly lifecycle: Lifecycle
  /** False: what is plugged while a VM runs does not come or go. */
  canPlug: boolean
  /** Clear text by ciphertext. */
  readonly secrets: ReadonlyMap<string, string>
  encrypt(clear: string): string
}

/** How a cloud is. */
export interface CloudOptions {
  readonly version: Version
  readonly delays: Delays
  readonly oneGate: string | undefined
}

/** A cloud with the account `oneadmin` (`opennebula`) and nothing else. */
export function createCloud({ version, delays, oneGate }: CloudOptions): Cloud {
  const profile = PROFILES[version]
  const secrets = new Map<string, string>()
  const key = randomBytes(32)
  const cloud: Cloud = {
    version,
    profile,
    contextRules: { separator: profile.separator, oneGate },
    users: [],
    templates: [],
    images: [],
    networks: [],
    hosts: [],
    vms: [],
    canPlug: true,
    secrets,
    encrypt: (clear) => {
      const cipher = createCipheriv('aes-256-cbc', key, Buffer.alloc(16))
      const text = Buffer.concat([cipher.update(clear, 'utf8'), cipher.final()]).toString('base64')
      secrets.set(text, clear)
      return text
    },
    lifecycle: createLifecycle({
      delays,
      writeDisk: (vm) => writeDisk(cloud, vm),
      canPlug: () => cloud.canPlug,
      release: (vm) => {
        for (const network of cloud.networks) release(network, vm.id)
      },
    }),
  }
  return cloud
}

function writeDisk(cloud: Cloud, vm: Vm): string | undefined {
  const context = vectorOf(vm.template, 'CONTEXT')
  if (context === undefined) return undefined
  const files = new Map<string, Uint8Array>()
  const shown = context.get('PASSWORD')
  const clear = shown === undefined ? undefined : cloud.secrets.get(shown)
  const guest = clear === undefined ? context : new Map([...context, ['PASSWORD', clear]])
  files.set('context.sh', Buffer.from(contextScript(guest, cloud.profile.quotes)))
  for (const path of (context.get('FILES') ?? '').split(/\s+/).filter(Boolean)) {
    if (/^\/etc(?:\/|$)/.test(path)) return `CONTEXT/FILES cannot use ${path}, it's in restricted directories`
    files.set(path.slice(path.lastIndexOf('/') + 1), new Uint8Array())
  }
  for (const [, name = ''] of (context.get('FILES_DS') ?? '').matchAll(/:'([^']*)' /g))
    files.set(name, cloud.images.find((image) => image.name === name)?.content ?? new Uint8Array())
  const token = tokenFor(cloud, vm, context)
  if (token !== undefined) files.set('token.txt', Buffer.from(token))
  vm.disk = files
  return undefined
}

function tokenFor(cloud: Cloud, vm: Vm, context: Vector): string | undefined {
  return isYes(context.get('TOKEN')) ? `${cloud.encrypt(`${vm.id}:${vm.started}`)}\n` : undefined
}
