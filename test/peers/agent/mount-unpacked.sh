#!/bin/sh
# Stands in for mount in an image whose kernel lacks ISO 9660 or VFAT. The agent calls it as: -t TYPE -o OPTIONS IMAGE FOLDER
[ "$1$3" = -t-o ] && [ "$4" = ro,nosuid,nodev,noexec,loop ] || exit 1
[ -d "$5.$2" ] || exit 32
/usr/bin/mount --bind "$5.$2" "$6" && exec /usr/bin/mount -o remount,bind,ro,nosuid,nodev,noexec "$6"
