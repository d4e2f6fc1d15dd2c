import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { sampleSpec } from '../../../test/conformance/store-samples.ts'
import { openService } from '../../../test/e2e/service.ts'
import type { Caller } from '../../model/instance.ts'
import { restFrontend } from './index.ts'

const ALICE: Caller = { subject: 'test/alice', project: 'test/red', role: 'member' }

test('shows which way served an instance, and by which no guest was seen in time', async (t) => {
  const { service, provider, close } = await openService({ signWithinMs: 20, listenEveryMs: 10 })
  t.after(close)
  const spec = sampleSpec({ userData: Buffer.from('#!/bin/sh\n') })
  const { id, remoteId = '' } = await service.create({ spec }, ALICE)
  const handler = restFrontend({ service })
  const get = async (path: string): Promise<string> => {
    const request = { method: 'GET', path, query: new URLSearchParams(), headers: [], body: Buffer.alloc(0) }
    return Buffer.from((await handler(request, ALICE)).body).toString()
  }
  const at = `/api/v1/instances/${id}`
  const shows = async (part: string): Promise<void> => {
    for (
      const end = Date.now() + 20_000;
      !(await get(at)).includes(part);
      await new Promise((go) => setTimeout(go, 10))
    )
      assert.ok(Date.now() < end, await get(at))
  }
  await shows('"silent":["metadata","disk"]')
  await provider.writeConsole(remoteId, 'BELLHOP {"stage":"applied","method":"disk","exitCode":0}\n')
  await shows('"servedBy":"disk"')
  await shows('"silent":["metadata"]')
  assert.match(await get(`${at}/events`), /"kind":"silent".*no sign of the guest by metadata within 0\.02 s/)
})
