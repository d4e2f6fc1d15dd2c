import type { TestContext } from 'node:test'
import { need, needRoot } from '../need.ts'

/** Where a guest is, in the namespaces and nowhere else. */
export const GUEST = '192.0.2.10'

/** Where those who log in are at home there. ssh asks passwd for it, whatever `HOME` says. */
export const HOME = '/run/home'

const PROGRAMS = [
  ['ssh', 'openssh-client'],
  ['ssh-keygen', 'openssh-client'],
  ['/usr/sbin/sshd', 'openssh-server'],
  ['setpriv', 'util-linux'],
  ['unshare', 'util-linux'],
  ['mount', 'mount'],
  ['ip', 'iproute2'],
] as const

/** Whether all is there that a real SSH server and its client need; else the test is skipped, or fails in CI. */
export function needSsh(t: Pick<TestContext, 'skip'>): boolean {
  return needRoot(t) && PROGRAMS.every(([program, debianPackage]) => need(t, program, debianPackage))
}

const INSIDE = 'BELLHOP_TEST_INSIDE'

// sshd insists on its folder, its user, and on accounts that are not locked.
const SETUP = `
ip link set lo up
ip address add ${GUEST}/32 dev lo
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/sshd ${HOME}
cat >/run/passwd <<END
root:x:0:0:root:${HOME}:/bin/sh
sshd:x:999:65534::/run/sshd:/usr/sbin/nologin
END
printf '%s:*:19000::::::\n' root sshd >/run/shadow
for file in passwd shadow; do mount --bind "/run/$file" "/etc/$file"; done
exec "$@"
`

/**
 * Puts a test file into namespaces of its own, in which it starts anew: a network that has a guest's address, accounts, and
 * processes that all end with it. No effect where {@link needSsh} would skip what is in the file.
 */
export function enterNamespaces(file: string): void {
  if (process.env[INSIDE] !== undefined || !needSsh({ skip: () => {} })) return
  // Should we be killed, the kernel kills unshare, and with it all that it started.
  const namespaces = '--net --mount --pid --mount-proc --fork --kill-child --propagation private'.split(' ')
  const within = ['sh', '-euc', SETUP, 'sh', process.execPath, ...process.execArgv, file]
  process.execve?.('/usr/bin/setpriv', ['setpriv', '--pdeathsig', 'KILL', 'unshare', ...namespaces, ...within], {
    ...process.env,
    HOME,
    [INSIDE]: 'yes',
  })
}
