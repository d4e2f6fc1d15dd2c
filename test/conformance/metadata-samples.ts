import { Buffer } from 'node:buffer'
import type { ContextSource, Recorder } from '../../src/deliveries/delivery.ts'
import type { Context } from '../../src/model/context.ts'
import type { ContextEvent } from '../../src/model/events.ts'

/** Signs tokens in tests. */
export const SECRET = Buffer.alloc(32, 7)

/** A guest that has some of everything. */
export const WEB: Context = {
  guestId: '4f8c2b9e-0a51-4a57-9f0e-2f1b7f0c6a11',
  hostname: 'web-1.example.org',
  facts: { name: 'web 1', launchIndex: 0, zone: 'nova' },
  userData: Buffer.from('#!/bin/sh\necho Grüße aus Brünn\n'),
  vendorData: Buffer.from('#cloud-config\n{}\n'),
  publicKeys: [
    { name: 'jane', text: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDIhz2GK/XCUj4i6Q5yQJNL1MKMyYvHCyRP2q4QDvHDb jane' },
  ],
  variables: { role: 'web' },
  files: [{ path: '/etc/greeting', bytes: Buffer.from('good evening\n') }],
  network: {
    nics: [
      {
        id: 'net0',
        mac: '52:54:00:00:00:01',
        addresses: [{ address: '10.0.0.5', prefixLength: 24, assignment: 'static' }],
      },
    ],
  },
}

/** A guest that was given nothing but its id. */
export const BARE: Context = {
  guestId: '6b915ab7-baf4-4082-8c63-578bbe698798',
  facts: { launchIndex: 0 },
  publicKeys: [],
  variables: {},
  files: [],
}

/** A source of contexts that can be changed, and says how often it was asked. */
export interface SampleSource extends ContextSource {
  asked: number
  set(context: Context, revision?: number): void
  delete(instanceId: string): void
}

/** Knows these guests, each under its own id, in revision 1. */
export function sampleSource(...contexts: readonly Context[]): SampleSource {
  const known = new Map(contexts.map((context) => [context.guestId, { context, revision: 1 }]))
  const source: SampleSource = {
    asked: 0,
    find: async (instanceId) => {
      source.asked++
      return known.get(instanceId)
    },
    set: (context, revision = 1) => void known.set(context.guestId, { context, revision }),
    delete: (instanceId) => void known.delete(instanceId),
  }
  return source
}

/** Keeps what it is told. */
export function sampleRecorder(): Recorder & { readonly events: readonly ContextEvent[] } {
  const events: ContextEvent[] = []
  return { events, record: (event) => void events.push(event) }
}
