#!/bin/sh
# Called by mmdebstrap before the chosen packages are installed: $1 is the
# guest's root. A small initrd, with the modules for this one machine instead
# of every machine. CD-ROMs are among them, for ds-identify looks for a config
# drive before anything else could load these.
set -eu
root=${1:?the root of the guest}

mkdir -p "$root/etc/initramfs-tools/conf.d"
cat >"$root/etc/initramfs-tools/conf.d/guest.conf" <<'CONF'
MODULES=list
COMPRESS=zstd
BUSYBOX=n
CONF
printf '%s\n' virtio_pci virtio_blk virtio_scsi sr_mod virtio_net ext4 \
  >"$root/etc/initramfs-tools/modules"
