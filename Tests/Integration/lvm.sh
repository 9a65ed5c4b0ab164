#!/usr/bin/env bash
# As: root
# lvm over loop devices with the configuration that the machine has, through the life of a linear and a
# striped volume: made, extended with the file system on it, reduced, renamed, moved and removed.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lvm-life.bash"
need_command losetup
mount_here
for image in pv0 pv1; do
    truncate -s 64M "$image"
    loop_over "$image"
done
lvm_here
lvm_life "${loops[@]}"
unmount_here
