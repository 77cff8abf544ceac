#!/bin/sh
# The first process of a guest: mounts, runs the machine's script, and ends the machine with its status.
export PATH=/bin:/usr/bin HOME=/root LD_LIBRARY_PATH=
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/shm
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
name=$(sed 's/.*lab=\([a-z0-9-]*\).*/\1/' /proc/cmdline)
cd /lab
sh "/lab/machines/$name.sh" >/dev/ttyS1 2>&1
status=$?
sync
power-off $((status + 32))
poweroff -f
