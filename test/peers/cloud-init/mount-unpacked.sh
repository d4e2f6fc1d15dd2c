#!/bin/sh
# Stands in the guest as /sbin/mount.iso9660 or /sbin/mount.vfat where the
# kernel lacks that file system; mount(8) calls it as: DEVICE FOLDER [-o ...]
content=/dev/.content/${1##*/}
[ -d "$content" ] || exit 32
exec mount -i --bind "$content" "$2"
