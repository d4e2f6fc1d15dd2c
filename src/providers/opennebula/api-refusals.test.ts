import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCloudError, type ErrorCode } from '../../model/errors.ts'
import { ADMIN, ALICE, replay, sentText, type Ask } from './testdata/replay.ts'

const instantiate =
  (name: string, templateId: number, vmName: string, isHeld = false): Ask =>
  async (api, call) =>
    api.instantiate(templateId, { name: vmName, extra: await sentText(name, 4), isHeld }, call)

/** Whose session, what is asked, and what is thrown. */
type Refused = readonly [session: string, ask: Ask, code: ErrorCode, message: RegExp]

const REFUSED: Readonly<Record<string, Refused>> = {
  'auth-wrong-password': [
    'oneadmin:wrong',
    (api, call) => api.vms({ filter: -2 }, call),
    'unauthenticated',
    /^one: one\.vmpool\.info: User couldn't be authenticated, aborting call\.$/,
  ],
  'http-404-wrong-path': [ADMIN, (api, call) => api.version(call), 'provider-failed', /answers 404, .*its path too$/],
  'template-info-noexists': [ADMIN, (api, call) => api.template(99, call), 'not-found', /template \[99\]\.$/],
  'vm-info-noexists': [ADMIN, (api, call) => api.vm(99, call), 'not-found', /virtual machine \[99\]\.$/],
  'vm-info-denied': [ALICE, (api, call) => api.vm(0, call), 'forbidden', /Not authorized to perform USE VM \[0\]/],
  'vm-info-non-bmp': [
    ADMIN,
    (api, call) => api.vm(19, call),
    'provider-failed',
    /^one: one\.vm\.info: fault -500: Unexp/,
  ],
  'vmpool-bad-state': [
    ADMIN,
    (api, call) => api.vms({ filter: -2, state: 99 }, call),
    'invalid',
    /Incorrect filter_flag, state$/,
  ],
  'action-hold-wrong-state': [ADMIN, (api, call) => api.act(2, 'hold', call), 'conflict', /for state RUNNING$/],
  'action-unknown': [ADMIN, (api, call) => api.act(2, 'bogus', call), 'unsupported', /"bogus" is not supported$/],
  'action-noexists': [ADMIN, (api, call) => api.act(99, 'terminate', call), 'not-found', /\[99\]\.$/],
  'action-locked': [ADMIN, (api, call) => api.act(2, 'suspend', call), 'conflict', /VM is locked/],
  'updateconf-done': [
    ADMIN,
    (api, call) => api.updateConf(2, 'CONTEXT=[ A="1" ]', 'merge', call),
    'conflict',
    /configuration cannot be updated in state DONE$/,
  ],
  'updateconf-denied': [
    ALICE,
    (api, call) => api.updateConf(1, 'CONTEXT=[ A="1" ]', 'merge', call),
    'forbidden',
    /MANAGE VM \[1\]\.$/,
  ],
  'updateconf-brace-variable': [
    ADMIN,
    (api, call) => api.updateConf(1, 'CONTEXT=[ A="${X}" ]', 'merge', call),
    'invalid',
    /^one: one\.vm\.updateconf: Error parsing: a value has a "\$" that begins no variable, or something else/,
  ],
  'vm-update-noexists': [ADMIN, (api, call) => api.updateVm(99, 'A="1"', 'merge', call), 'not-found', /\[99\]\.$/],
  'recover-wrong-state': [ADMIN, (api, call) => api.recover(12, 'retry', call), 'conflict', /wrong state PENDING/],
  'recover-delete-denied-to-owner': [ALICE, (api, call) => api.recover(14, 'delete', call), 'forbidden', /ADMIN VM/],
  'allocate-restricted-files': [
    ALICE,
    async (api, call) => api.allocate(await sentText('allocate-restricted-files', 1), {}, call),
    'forbidden',
    /includes a restricted attribute FILES/,
  ],
  'instantiate-noexists': [ADMIN, instantiate('instantiate-noexists', 99, 'bad'), 'not-found', /\[99\]\.$/],
  'instantiate-denied': [ALICE, instantiate('instantiate-denied', 0, 'a'), 'forbidden', /USE TEMPLATE \[0\]/],
  'instantiate-quota-exceeded': [
    ALICE,
    instantiate('instantiate-quota-exceeded', 0, 'q'),
    'conflict',
    /limit of 3 reached for VMS quota in VM\.$/,
  ],
  'instantiate-restricted-dropped': [
    ALICE,
    instantiate('instantiate-restricted-dropped', 1, 'r1'),
    'forbidden',
    /restricted attribute CONTEXT/,
  ],
  'instantiate-name-invalid-char': [
    ADMIN,
    instantiate('instantiate-name-invalid-char', 0, "o'brien"),
    'invalid',
    /Invalid NAME, char ''' is not allowed$/,
  ],
  'instantiate-network-by-name-of-other-owner': [
    ALICE,
    instantiate('instantiate-network-by-name-of-other-owner', 0, 'a1'),
    'invalid',
    /does not own a network with name: public/,
  ],
  'instantiate-xml-cdata-end': [
    ADMIN,
    instantiate('instantiate-xml-cdata-end', 0, 'ctx-vm-31'),
    'invalid',
    /Error transforming the VM to XML\.$/,
  ],
  'instantiate-xml-malformed': [
    ADMIN,
    instantiate('instantiate-xml-malformed', 0, 'w', true),
    'invalid',
    /Parse error: XML Template malformed\.$/,
  ],
  'instantiate-text-trailing-backslash': [
    ADMIN,
    instantiate('instantiate-text-trailing-backslash', 0, 'bad'),
    'invalid',
    /Parse error: syntax error, unexpected VARIABLE, expecting COMMA or CBRACKET$/,
  ],
  'instantiate-brace-variable-xml': [
    ADMIN,
    instantiate('instantiate-brace-variable-xml', 0, 'ctx-vm-4'),
    'invalid',
    /virtual machine template\. Error parsing: a value has a "\$" that begins no variable/,
  ],
}

describe('a refusal', () => {
  for (const [name, [session, ask, code, message]] of Object.entries(REFUSED))
    it(`${name} is ${code}, and repeats nothing that is secret`, async () => {
      const error = await replay(name, ask, session)
      assert.ok(isCloudError(error, code), String(error))
      assert.match(error.message, message)
      assert.doesNotMatch(error.message, /opennebula|wonderland|:wrong|@\^_\^@|at line|\$HOME|C:|X\}/)
    })
})
