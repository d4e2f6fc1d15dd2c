import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { toPublicKey } from '../../model/context.ts'
import { isCloudError } from '../../model/errors.ts'
import { parseXml } from '../../wire/xml.ts'
import { readTemplate, readVm, type OneTemplate, type OneVm } from './api-vms.ts'
import { changedContext, newContext, type ContextWishes } from './context.ts'
import { toTemplateXml } from './template-xml.ts'
import { bodyOf } from './testdata/bodies.ts'
import { recordedCall } from './testdata/replay.ts'

const NOTHING: ContextWishes = { publicKeys: [], variables: {} }
const KEYS = ['a@x', 'b@x'].map((who) => toPublicKey(`ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAnMa1td ${who}`))

async function templateIn(name: string): Promise<OneTemplate> {
  return readTemplate(await bodyOf(name))
}

async function vmIn(name: string): Promise<OneVm> {
  return readVm(await bodyOf(name))
}

describe('the CONTEXT of a new VM', () => {
  it('is merged with that of a real template, as a real OpenNebula took it', async () => {
    const { context: template = {} } = await templateIn('template-info')
    const { context, references } = newContext(template, { ...NOTHING, userData: Buffer.from('#cloud-config\n{}\n') })
    const { parameters } = await recordedCall('instantiate-xml-merged-with-request-id')
    const [sent] = parseXml(String(parameters[4])).children
    assert.deepEqual(context, Object.fromEntries(sent?.children.map(({ name, text }) => [name, text]) ?? []))
    assert.deepEqual(references, {})
  })

  it('keeps what the site alone may set, and a password, as they are read', async () => {
    const { context: template = {} } = await templateIn('template-info-encrypted-and-restricted')
    const { context } = newContext(template, { ...NOTHING, variables: { A: 'b' } })
    assert.deepEqual(context, { ...template, A: 'b' })
    assert.deepEqual([template['FILES'], template['PASSWORD']], ['/srv/x.sh', '6nA/MuxBRaMUUJm1z/9iXA=='])
  })

  it('is there where the template has none, for none can be given later', () => {
    assert.deepEqual(newContext({}, NOTHING).context, { NETWORK: 'YES' })
    assert.deepEqual(newContext({ NETWORK: 'NO' }, NOTHING).context, { NETWORK: 'NO' })
  })

  it("has the user's keys in place of the template's, one a line, for every kind of guest", () => {
    const template = { SSH_PUBLIC_KEY: '$USER[SSH_PUBLIC_KEY]', SSH_KEY: 'ssh-rsa old' }
    const lines = KEYS.map(({ text }) => text).join('\n')
    const { context } = newContext(template, { ...NOTHING, publicKeys: KEYS })
    assert.deepEqual(context, { NETWORK: 'YES', SSH_PUBLIC_KEY: lines, PUBLIC_KEY: lines, SSH_KEY: lines })
    assert.equal(newContext({}, { ...NOTHING, publicKeys: KEYS }).context['SSH_KEY'], undefined)
    assert.deepEqual(newContext(template, NOTHING).context, { NETWORK: 'YES', ...template })
  })

  it('has user data in base64 in one line, whatever the template had', () => {
    const userData = Buffer.from(Array.from({ length: 512 }, (_, index) => index & 0xff))
    const template = { USERDATA: 'old', USER_DATA: 'old', EC2_USER_DATA: 'b2xk' }
    const base64 = userData.toString('base64')
    assert.deepEqual(newContext(template, { ...NOTHING, userData }).context, {
      NETWORK: 'YES',
      USER_DATA: base64,
      EC2_USER_DATA: base64,
      USER_DATA_ENCODING: 'base64',
      USERDATA_ENCODING: 'base64',
    })
    assert.deepEqual(newContext(template, { ...NOTHING, userData: new Uint8Array() }).context, { NETWORK: 'YES' })
    assert.deepEqual(newContext(template, NOTHING).context, { NETWORK: 'YES', ...template })
  })

  it('has a start script only where that is asked for, and the data are one', () => {
    const script = Buffer.from('#!/bin/sh\n')
    const asked = { ...NOTHING, isStartScript: true }
    const startOf = (wishes: ContextWishes) => newContext({}, wishes).context['START_SCRIPT_BASE64']
    assert.equal(startOf({ ...asked, userData: script }), script.toString('base64'))
    assert.equal(startOf({ ...asked, userData: Buffer.from('#cloud-config\n') }), undefined)
    assert.equal(startOf({ ...NOTHING, userData: script }), undefined)
  })

  it('refuses names that OpenNebula, a guest or a shell has, and says what to do', () => {
    const words = `my-key 1A lower Ä USER_DATA SSH_PUBLIC_KEY SET_HOSTNAME ETH0_IP PCI1_MAC DISK0_MOUNT_POINT FILES FILES_DS
      TOKEN TARGET DISK_ID DEV_PREFIX DRIVER INIT_SCRIPTS VMID ONEGATE_ENDPOINT PATH IFS ENV BASH_ENV LD_PRELOAD PS4 UID`
    for (const name of ['', 'A'.repeat(201), ...words.split(/\s+/)])
      assert.throws(
        () => newContext({}, { ...NOTHING, variables: { [name]: 'secret' } }),
        (error) =>
          isCloudError(error, 'invalid') && error.message.includes('MY_NAME') && !error.message.includes('secret'),
        name,
      )
  })

  it('names the field of a value that cannot pass', () => {
    const bad = 'x\u{1F600}'
    for (const [wishes, field] of [
      [{ ...NOTHING, variables: { MOTD: bad } }, 'variables: MOTD'],
      [{ ...NOTHING, publicKeys: [{ name: 'a', text: `ssh-rsa AAAA ${bad}` }] }, 'publicKeys'],
    ] as const)
      assert.throws(
        () => newContext({}, wishes),
        (error) => isCloudError(error, 'invalid') && error.message.startsWith(`${field}: `),
      )
  })
})

describe('the CONTEXT of a VM that is there', () => {
  it('keeps all but the user data, and what OpenNebula itself keeps', async () => {
    const { context: current = {} } = await vmIn('vm-info-running-request-id')
    const userData = Buffer.from('new')
    const { context, references } = changedContext(current, userData, undefined)
    const { DISK_ID: _disk, TARGET: _target, ...rest } = current
    const kept = Object.entries(rest).filter(([, value]) => value !== '')
    assert.deepEqual(context, { ...Object.fromEntries(kept), USER_DATA: 'bmV3', EC2_USER_DATA: 'bmV3' })
    assert.deepEqual(references, {})
    const none = changedContext(current, undefined, undefined).context
    assert.deepEqual(
      Object.keys(none).filter((key) => key.includes('DATA')),
      [],
    )
  })

  it('says by reference again what was put in for a variable', () => {
    const { context, references } = changedContext({ MOTD: 'pay $5', NETWORK: 'YES' }, undefined, undefined)
    assert.deepEqual(context, { MOTD: '$BELLHOP_VALUE_MOTD', NETWORK: 'YES' })
    assert.deepEqual(references, { BELLHOP_VALUE_MOTD: 'pay $5' })
  })

  it('follows with the start script that was made of the user data, and keeps any other', () => {
    const scriptOf = (current: Readonly<Record<string, string>>, userData?: Uint8Array) =>
      changedContext(current, userData, undefined).context['START_SCRIPT_BASE64']
    const old = Buffer.from('#!/bin/sh\n').toString('base64')
    const script = Buffer.from('#!/bin/sh\ntrue\n')
    assert.equal(scriptOf({ USER_DATA: old, START_SCRIPT_BASE64: old }, script), script.toString('base64'))
    assert.equal(scriptOf({ USER_DATA: old, START_SCRIPT_BASE64: old }, Buffer.from('#cloud-config\n')), undefined)
    assert.equal(scriptOf({ USER_DATA: old, START_SCRIPT_BASE64: old }), undefined)
    assert.equal(scriptOf({ USER_DATA: old, START_SCRIPT_BASE64: 'b3RoZXI=' }, script), 'b3RoZXI=')
    assert.equal(scriptOf({ USER_DATA: old }, script), undefined)
  })

  it("has its template's words for its files, and is left alone where there are none", () => {
    const current = { FILES_DS: "/var/lib/one/datastores/2/f:'init.sh' " }
    const files = '$FILE[IMAGE="init.sh"]'
    assert.equal(changedContext(current, undefined, files).context['FILES_DS'], files)
    assert.throws(
      () => changedContext(current, undefined, undefined),
      (error) => isCloudError(error, 'conflict') && error.message.includes('FILES_DS'),
    )
  })
})

describe('a template in XML', () => {
  it('holds every text that XML can', () => {
    const values = { A: `<a & "b"> ]]>\n\t`, B: '' }
    const { children } = parseXml(
      toTemplateXml([
        ['CONTEXT', values],
        ['LABELS', 'a,b&c'],
      ]),
    )
    assert.deepEqual(Object.fromEntries(children[0]?.children.map(({ name, text }) => [name, text]) ?? []), values)
    assert.deepEqual([children[1]?.name, children[1]?.text], ['LABELS', 'a,b&c'])
  })

  it('refuses what XML cannot hold, and names the place', () => {
    assert.throws(
      () => toTemplateXml([['CONTEXT', { MOTD: 'secret\0' }]]),
      (error) =>
        isCloudError(error, 'invalid') && error.message.includes('CONTEXT/MOTD') && !error.message.includes('secret'),
    )
  })
})

describe('a variable with a dollar', () => {
  it('is sent in the form that a real OpenNebula put in unread', async () => {
    const { parameters } = await recordedCall('instantiate-value-by-reference')
    const [sent, beside] = parseXml(String(parameters[4])).children
    const raw = beside?.text ?? ''
    const { context, references } = newContext({}, { ...NOTHING, variables: { MOTD: raw } })
    const [name = ''] = Object.keys(references)
    assert.equal(sent?.children[0]?.text, `$${beside?.name}`)
    assert.deepEqual([context['MOTD'], references[name]], [`$${name}`, raw])
  })
})
