import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Command } from 'commander'
import { isCloudError } from '../model/errors.ts'
import { toNewInstance, withNewInstance, type NewInstanceOptions } from './new-instance.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJuT4GQCjyQjTqbv9DQR6pOQTqVyEJ6TLMTqpPyqZwZK alice@laptop'

async function asked(t: TestContext, files: Readonly<Record<string, string>>, ...args: readonly string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-new-'))
  t.after(() => rm(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  const command = withNewInstance(new Command())
  command.parse(
    args.map((each) => each.replace('@', `${folder}/`)),
    { from: 'user' },
  )
  return await toNewInstance({ output: 'text', ...command.opts<Omit<NewInstanceOptions, 'output'>>() })
}

test('the options of a new instance are what a gateway is asked for', async (t) => {
  const files = { data: '#!/bin/sh\n', 'key.pub': KEY, motd: 'hi' }
  const words = [
    '--name',
    'my vm',
    '--hostname',
    'web1',
    '--image',
    'i',
    '--size',
    's',
    '--provider',
    'p',
    '--by',
    'disk',
  ]
  const repeated = [
    '--variable',
    'a=1',
    '--variable',
    'b=x=y',
    '--file',
    '@motd:/etc/motd',
    '--file',
    '@motd:/m:0600:web:adm',
  ]
  const data = ['--user-data', '@data', '--format', 'script', '--variables-from-user-data', '--ssh-key', '@key.pub']
  const content = Buffer.from('hi').toString('base64')
  assert.deepEqual(await asked(t, files, ...words, ...data, ...repeated), {
    name: 'my vm',
    hostname: 'web1',
    provider: 'p',
    image: 'i',
    size: 's',
    format: 'script',
    by: 'disk',
    userData: Buffer.from('#!/bin/sh\n').toString('base64'),
    variablesFromUserData: true,
    publicKeys: [KEY],
    variables: { a: '1', b: 'x=y' },
    files: [
      { path: '/etc/motd', content },
      { path: '/m', content, mode: '0600', owner: 'web', group: 'adm' },
    ],
  })
  assert.deepEqual(await asked(t, {}), {})
})

test('what is no variable, no file and no hostname is refused, and no value is repeated', async (t) => {
  for (const args of [
    ['--variable', '=swordfish'],
    ['--variable', 'swordfish'],
    ['--file', 'motd:etc/motd'],
    ['--file', '@motd:/etc/motd:999'],
    ['--file', '/no/such:/x'],
    ['--hostname', 'my vm'],
  ])
    await assert.rejects(
      asked(t, { motd: '' }, ...args),
      (error) => isCloudError(error, 'invalid') && !error.message.includes('swordfish'),
      args.join(' '),
    )
})
