import { Buffer } from 'node:buffer'
import type { Context } from '../../../src/model/context.ts'

/**
 * A script that tells who ran it and which bytes it is made of: `root <SHA-256>` in the guest's `/var/lib/delivered`. Some
 * of them are no ASCII, and it is longer than a disk's block.
 */
export const SCRIPT = Buffer.from(
  `#!/bin/sh
# Grüße aus Brünn: žluťoučký kůň úpěl ďábelské ódy
# ${'padding '.repeat(1000)}
echo "$(id -un) $(sha256sum <"$0" | cut -d' ' -f1)" >/var/lib/delivered
`,
  'utf8',
)

/** What the guest is to learn beside the user data. */
export const CONTEXT: Context = {
  guestId: '4f8c2b9e-0a51-4a57-9f0e-2f1b7f0c6a11',
  hostname: 'web-1',
  facts: { name: 'web 1', launchIndex: 0, zone: 'nova', localIpv4: '10.0.0.5' },
  publicKeys: [
    { name: 'jane', text: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDIhz2GK/XCUj4i6Q5yQJNL1MKMyYvHCyRP2q4QDvHDb jane' },
  ],
  variables: { purpose: 'test' },
  files: [{ path: '/etc/bellhop/greeting', bytes: Buffer.from('good evening\n') }],
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
