#!/bin/bash
# Runs Debian 12's guestfish in a root file system of its own, for its hundred
# packages and its kernel belong on no machine that does not need them. The first
# call builds it, in a minute or two. Needs root and mmdebstrap; the folder that it
# is called in, and the images there, are all that it sees of this machine.

set -euo pipefail
umask 022

packages=guestfish,linux-image-cloud-amd64,qemu-system-x86,libguestfs-xfs

script=$(readlink -f "${BASH_SOURCE[0]}")
version=$(sha256sum <"$script" | cut -c1-12)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/bellhop/guestfish
rootfs=$cache/$version

build() {
  local part=$rootfs.part
  rm -rf "$part"
  mmdebstrap --quiet --variant=minbase --include="$packages" \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    bookworm "$part" >&2
  mv "$part" "$rootfs"
}

if [ ! -d "$rootfs" ]; then
  mkdir -p "$cache"
  # Of two builders the second waits.
  exec 9>"$rootfs.lock"
  flock 9
  if [ ! -d "$rootfs" ]; then
    echo "guestfish peer: building $rootfs (some minutes)" >&2
    build 9>&-
  fi
  exec 9>&-
fi

# What it mounts and starts ends with it, and with whoever started it.
# shellcheck disable=SC2016  # the inner shell expands these
exec setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child \
  sh -euc '
    rootfs=$1
    shift
    mount --bind "$PWD" "$rootfs/mnt"
    mount --rbind /dev "$rootfs/dev"
    mount -t proc proc "$rootfs/proc"
    exec chroot "$rootfs" sh -c "cd /mnt && exec guestfish \"\$@\"" guestfish "$@"
  ' sh "$rootfs" "$@"
