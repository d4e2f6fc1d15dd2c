import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCloudError } from '../model/errors.ts'
import { knownHosts, sshParameters } from './ssh.ts'

const ID = '4f8c2b9e-0a51-4a57-9f0e-2f1b7f0c6a11'
const KEYS = ['ssh-ed25519 AAAA', 'ssh-rsa BBBB']
const WEB = { id: ID, addresses: ['192.0.2.7', 'fd00::7'], hostKeys: { keys: KEYS, verified: true } }

/** What ssh is told by `-o`. */
function optionsOf(parameters: readonly string[]): readonly string[] {
  return parameters.filter((_, index) => parameters[index - 1] === '-o')
}

describe('bellhop ssh', () => {
  it('names the instance by id and addresses in known_hosts, a line for each key', () => {
    const lines = `${ID},192.0.2.7,fd00::7 ssh-ed25519 AAAA\n${ID},192.0.2.7,fd00::7 ssh-rsa BBBB`
    assert.equal(knownHosts(WEB), lines)
    const hostile = ['* ssh-ed25519 CCCC\n', ...WEB.addresses, 'web.example.org', '-oProxyCommand=x']
    assert.equal(knownHosts({ ...WEB, addresses: hostile }), lines, 'by nothing that is no address')
  })

  it('takes the keys that are proven, and no others', () => {
    const parameters = sshParameters(WEB, '/tmp/50% of it/known_hosts', { login: 'debian', port: '2222' })
    assert.deepEqual(parameters.slice(-6), ['-l', 'debian', '-p', '2222', '--', '192.0.2.7'])
    const options = optionsOf(parameters)
    for (const option of ['StrictHostKeyChecking=yes', `HostKeyAlias=${ID}`, 'GlobalKnownHostsFile=/dev/null'])
      assert.ok(options.includes(option), option)
    for (const option of ['ControlPath=none', 'VerifyHostKeyDNS=no', 'NoHostAuthenticationForLocalhost=no'])
      assert.ok(options.includes(option), `no way round them: ${option}`)
    assert.ok(options.includes('UserKnownHostsFile="/tmp/50%% of it/known_hosts"'))
  })

  it('connects without proof only where it is told to, and then holds to what it has', () => {
    const unproven = { ...WEB, hostKeys: { keys: KEYS, verified: false } }
    const { hostKeys: _, ...unknown } = WEB
    for (const instance of [unproven, unknown])
      assert.throws(
        () => sshParameters(instance, '/k', {}),
        (error) => isCloudError(error, 'conflict') && error.message.includes('--accept-new'),
      )
    assert.ok(optionsOf(sshParameters(unproven, '/k', { acceptNew: true })).includes('StrictHostKeyChecking=yes'))
    const asFound = optionsOf(sshParameters(unknown, '/k', { acceptNew: true }))
    assert.ok(asFound.includes('StrictHostKeyChecking=accept-new'))
    assert.ok(!asFound.some((option) => option.startsWith('UserKnownHostsFile')), 'what it finds is remembered')
  })

  it('says what is missing', () => {
    assert.throws(
      () => sshParameters({ ...WEB, addresses: ['-oProxyCommand=x'] }, '/k', {}),
      (error) => isCloudError(error, 'unavailable') && error.message.includes('no address'),
    )
    assert.throws(
      () => knownHosts({ id: ID, addresses: [] }),
      (error) => isCloudError(error, 'not-found'),
    )
  })
})
