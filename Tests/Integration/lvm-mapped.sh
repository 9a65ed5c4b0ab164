#!/usr/bin/env bash
# The same as lvm.sh over mapped devices, for root and for a user who may not write to /dev, /etc and
# /run: linear devices over plain files.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lvm-life.bash"
mount_here
for name in pv0 pv1; do
    truncate -s 64M "$name"
    dmfuse create "$name" --table "0 131072 linear $PWD/$name 0"
done
lvm_here
lvm_life /dev/mapper/pv0 /dev/mapper/pv1
prints $'pv0\npv1' eval 'dmfuse info -c --noheadings -o name | sort'
dmfuse remove pv0 pv1
unmount_here
