#!/bin/busybox sh
# shellcheck shell=dash
# pid 1 of the initramfs: drivers and network, then the /sbin/init of the machine's first disk.
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for list in base network disk root; do
  while read -r module; do
    insmod "/lib/modules/$module.ko"
  done <"/lib/modules/$list.list"
done
ip link set lo up
ip link set eth0 up
udhcpc -i eth0 -f -q -n -t 10 -T 1 -s /etc/udhcpc.script
mkdir /disk
mount -t ext4 /dev/vda /disk
for folder in proc sys dev; do mount -o move "/$folder" "/disk/$folder"; done
exec switch_root /disk /sbin/init
