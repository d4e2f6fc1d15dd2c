#!/bin/bash
# Builds a Debian guest with systemd and cloud-init, once, and prints where it
# is: a folder with kernel, initrd, cmdline and disk.qcow2. Needs root,
# mmdebstrap, e2fsprogs and qemu-utils; takes about two minutes.
#
# It is stock Debian, made leaner where that saves time in an emulated boot.
# Nothing tells cloud-init which data source to take.
#
# The folder is $XDG_CACHE_HOME/bellhop/debian-guest/<version of this recipe>.
# It appears whole or not at all, and of two builders at once the second waits.

set -euo pipefail
umask 022

suite=bookworm
# The network is brought up by systemd-networkd, which is part of systemd.
packages=systemd-sysv,udev,dbus,cloud-init,sudo,openssh-server,linux-image-cloud-amd64,initramfs-tools,zstd
disk_size=1400M
# quiet: the kernel's own messages slow an emulated serial console down.
command_line='root=/dev/vda rw console=ttyS0 quiet net.ifnames=0 random.trust_cpu=on apparmor=0 selinux=0 audit=0 fsck.mode=skip'

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
version=$(cat "$here"/*.sh | sha256sum | cut -c1-12)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/bellhop/debian-guest
guest=$cache/$version

build() {
  local part=$1
  local root=$part/root
  mmdebstrap --quiet --variant=minbase --include="$packages" \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --essential-hook="$here/configure-initramfs.sh" \
    --customize-hook="$here/configure-guest.sh" \
    "$suite" "$root" >&2
  mkdir "$part/guest"
  cp --dereference "$root/vmlinuz" "$part/guest/kernel"
  cp --dereference "$root/initrd.img" "$part/guest/initrd"
  echo "$command_line" >"$part/guest/cmdline"
  # The whole tree becomes an ext4 file system without being mounted.
  mke2fs -q -t ext4 -L root -d "$root" "$part/disk.raw" "$disk_size" >&2
  qemu-img convert -f raw -O qcow2 "$part/disk.raw" "$part/guest/disk.qcow2"
  mv "$part/guest" "$guest"
  rm -rf "$part"
}

if [ ! -d "$guest" ]; then
  mkdir -p "$cache"
  # Only the lock's holder builds; children must not inherit it, or a stray one
  # would keep it.
  exec 9>"$guest.lock"
  flock 9
  if [ ! -d "$guest" ]; then
    echo "Debian guest: building $guest (some minutes)" >&2
    rm -rf "$guest.part"
    mkdir "$guest.part"
    build "$guest.part" 9>&-
  fi
fi
echo "$guest"
