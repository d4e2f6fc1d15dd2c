#!/bin/bash
# Builds the root file system in which the real cloud-init runs, once, and
# prints where it is. Needs root and mmdebstrap; takes one to three minutes.
#
# The folder is $XDG_CACHE_HOME/bellhop/cloud-init/<version of this recipe>. It
# appears whole or not at all, and of two builders at once the second waits.

set -euo pipefail
umask 022

# Debian 12 has cloud-init 22.4.2.
suite=bookworm
# With these, cloud-init's modules for users and SSH keys find what they expect.
packages=cloud-init,iproute2,openssh-client,sudo

version=$(sha256sum <"${BASH_SOURCE[0]}" | cut -c1-12)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/bellhop/cloud-init
rootfs=$cache/$version

build() {
  local part=$rootfs.part
  rm -rf "$part"
  mmdebstrap --quiet --variant=minbase --include="$packages" \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    "$suite" "$part" >&2
  mv "$part" "$rootfs"
}

if [ ! -d "$rootfs" ]; then
  mkdir -p "$cache"
  # Only the lock's holder builds; children must not inherit it, or a stray one
  # would keep it.
  exec 9>"$rootfs.lock"
  flock 9
  if [ ! -d "$rootfs" ]; then
    echo "cloud-init peer: building $rootfs (some minutes)" >&2
    build 9>&-
  fi
fi
echo "$rootfs"
