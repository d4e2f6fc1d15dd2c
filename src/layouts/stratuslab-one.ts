import { textFile } from '../model/files.ts'
import { hepix } from './hepix.ts'
import type { Layout } from './layout.ts'

const INIT = 'init.sh'

/**
 * Adds the keys that root does not have yet. StratusLab's images source it before all else, and end with an error where it is missing;
 * HEPiX images and one-context source or run it too, several times: so it changes nothing when it runs again, and has no `exit`.
 */
const ADD_KEYS = `#!/bin/sh
bellhop_add_keys() {
  for bellhop_folder in "\${MOUNT_DIR:-.}" . /mnt/stratuslab; do
    [ -f "$bellhop_folder/context.sh" ] || continue
    . "$bellhop_folder/context.sh"
    break
  done
  [ -n "\${PUBLIC_KEY:-}" ] || return 0
  bellhop_keys=/root/.ssh/authorized_keys
  mkdir -p /root/.ssh && chmod 700 /root/.ssh || return 0
  touch "$bellhop_keys" && chmod 600 "$bellhop_keys" || return 0
  printf '%s\\n' "$PUBLIC_KEY" | while IFS= read -r bellhop_key; do
    grep -qxF -e "$bellhop_key" "$bellhop_keys" || printf '%s\\n' "$bellhop_key" >>"$bellhop_keys"
  done
}
bellhop_add_keys
`

/**
 * StratusLab's disk for its method `one`, mended: HEPiX's, and an `init.sh` that adds the keys once and leaves the user's own alone.
 */
export const stratuslabOne: Layout = {
  name: 'stratuslab-one',
  volumeLabel: '_STRATUSLAB',
  carries: hepix.carries,

  render: (context) => new Map([...hepix.render(context), [INIT, textFile(ADD_KEYS, { mode: 0o755 })]]),

  async read(get) {
    return (await get(INIT)) === undefined ? undefined : hepix.read(get)
  },
}
