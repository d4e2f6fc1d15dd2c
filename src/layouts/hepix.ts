import { textFile } from '../model/files.ts'
import { decodeBase64 } from '../wire/base64.ts'
import { fromContextVariables, toPublicKeys } from './context-sh-variables.ts'
import { given } from './given.ts'
import type { Layout } from './layout.ts'
import { CONTEXT_SH, contextShOf, readContextSh, readRootPublicKey } from './opennebula.ts'

const PROLOG = 'prolog.sh'
const EPILOG = 'epilog.sh'

/** Does nothing, sourced or run: HEPiX guests do either. */
const NO_OPERATION = `#!/bin/sh
return 0 2>/dev/null || exit 0
`

/**
 * The disk of HEPiX images and CernVM, which look at any disk, whatever its label: OpenNebula's `context.sh`, and a script for
 * before the network and one for after all else. All three or none: with a `prolog.sh` alone the guest finds no user data.
 */
export const hepix: Layout = {
  name: 'hepix',
  carries: ['hostname', 'userData', 'publicKeys', 'variables'],

  render(context) {
    const script = textFile(NO_OPERATION, { mode: 0o755 })
    return new Map([
      [CONTEXT_SH, contextShOf(context)],
      [PROLOG, script],
      [EPILOG, script],
    ])
  },

  /** As such a guest reads it: user data and keys by its own names for them alone. */
  async read(get) {
    if ((await get(PROLOG)) === undefined) return undefined
    const variables = await readContextSh(get)
    if (variables === undefined) return undefined
    const { userData: _, ...said } = fromContextVariables(variables)
    const base64 = variables.get('EC2_USER_DATA')
    const keys = variables.get('PUBLIC_KEY')
    return {
      ...said,
      ...given({ userData: base64 === undefined ? undefined : decodeBase64(base64, `${CONTEXT_SH}: EC2_USER_DATA`) }),
      publicKeys: keys === undefined ? await readRootPublicKey(get, variables) : toPublicKeys(keys),
    }
  },
}
