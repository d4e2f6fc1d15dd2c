#!/bin/sh
# Called by mmdebstrap after all packages are installed: $1 is the guest's
# root. What is not as Debian leaves it is here.
set -eu
root=${1:?the root of the guest}

# Empty, not missing: systemd then makes an id without the long work of a very
# first boot.
: >"$root/etc/machine-id"
echo guest >"$root/etc/hostname"
# As on Debian's own cloud images; else cloud-init generates a locale.
echo LANG=C.UTF-8 >"$root/etc/default/locale"
# One host key instead of four: making RSA's takes long where all is emulated.
echo 'ssh_genkeytypes: [ed25519]' >"$root/etc/cloud/cloud.cfg.d/10_guest.cfg"

chroot "$root" systemctl --quiet enable \
  systemd-networkd.service systemd-networkd-wait-online.service
chroot "$root" systemctl --quiet mask \
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
  e2scrub_all.timer e2scrub_reap.service fstrim.timer \
  systemd-pstore.service getty@tty1.service
