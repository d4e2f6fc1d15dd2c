#!/bin/sh
# /sbin/init of a disk that has busybox and the agent, which is started as SysV does it.
export PATH=/sbin:/bin HOME=/root
/bin/busybox --install -s /bin
mount -t tmpfs -o mode=755 tmpfs /run
/etc/init.d/bellhop-agent start
echo "the agent ended with $?"
# pid 1 must not end.
while :; do sleep 3600; done
