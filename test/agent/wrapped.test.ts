import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { toEvent } from '../../src/formats/guest-report.ts'
import { wrapUserData } from '../../src/formats/wrapped.ts'
import { sha256 } from '../../src/model/digest.ts'
import { vendorDataTo } from '../../src/service/vendor-data.ts'
import { makeMachine, SHELLS } from './run-agent.ts'

const SCRIPT = Buffer.from('#!/bin/sh\n# Grüße\nsha256sum <"$0" >"${BELLHOP_VARIABLES%/*}/ran"')
const REPORT_URL = 'http://127.0.0.1:1/report/x'
const MESSAGE = wrapUserData(SCRIPT, vendorDataTo(REPORT_URL))

describe('the agent, given a message that wraps the user’s data,', () => {
  for (const shell of SHELLS)
    it(`runs his very script, and reports where the message says: ${shell.join(' ')}`, async (t) => {
      const machine = makeMachine(t, shell)
      machine.put({ 'cernvm/extra-user-data': MESSAGE })
      const { stdout } = await machine.run('--only', 'injection', '--explain')
      assert.match(stdout, new RegExp(`^would report to ${REPORT_URL}$`, 'm'))
      const { status, stderr } = await machine.run('--only', 'injection')
      assert.equal(machine.read('var/lib/bellhop/ran')?.toString().slice(0, 64), sha256(SCRIPT), stderr)
      assert.deepEqual(machine.read('var/lib/bellhop/user-data'), Buffer.from(MESSAGE), 'as they came')
      const words = machine.words()
      assert.deepEqual(
        words.map(({ kind, sha256: digest, bytes }) => [kind, digest, bytes]),
        [
          ['fetched', sha256(MESSAGE), MESSAGE.length],
          ['applied', sha256(MESSAGE), undefined],
        ],
      )
      assert.equal(status, 0)
      const about = { instanceId: 'i', revision: 1, at: 0, evidence: 'console' } as const
      const hearing = { ...about, userDataSha256: sha256(SCRIPT), wrappedSha256: sha256(MESSAGE) }
      assert.deepEqual(
        words.map((word) => toEvent(word, hearing)).map(({ kind, sha256: digest, bytes }) => [kind, digest, bytes]),
        [
          ['fetched', sha256(SCRIPT), undefined],
          ['applied', sha256(SCRIPT), undefined],
        ],
        'to the gateway they are words on what the user sent',
      )
    })
})
