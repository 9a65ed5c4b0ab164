#!/usr/bin/env bash
# As: root
# A block device as backing: by its path and by its number, opened exclusively for as long as a
# table uses it, shared by all tables, and let go with the last.
. "$(dirname "$0")/lib.sh"
need_command losetup mke2fs
mount_here
make_random disk 2048
mke2fs -q -F disk
loop_over disk
number=$(printf '%d:%d' "0x$(stat -c %t "$loop")" "0x$(stat -c %T "$loop")")
dmfuse create d --table "0 1024 linear $loop 512"
prints "0 1024 linear $number 512" dmfuse table d
prints "1 dependencies	: (${number/:/, })" dmfuse deps d
same 'reads' <(sectors disk 512 1024) "$(device d)"
make_random patch 8
dd if=patch of="$(device d)" bs=4k seek=100 conv=notrunc,fsync status=none
same 'a write, on the device' patch <(sectors "$loop" 1312 8)
same 'a write, in its file' patch <(sectors disk 1312 8)
dmfuse create e --table "0 1024 linear $number 0"
same 'by number' <(sectors disk 0 1024) "$(device e)"
fails_like 'dmfuse: create f: Invalid argument: *too small for target: start=2000, len=100, dev_size=2048' \
    dmfuse create f --table "0 100 linear $loop 2000"

# Exclusive: nobody else gets it exclusively, and what somebody has so is busy.
mkdir there
claim() { mount -o ro "$loop" there; }
fails_like '*already mounted or mount point busy*' claim
dmfuse remove d
fails_like '*already mounted or mount point busy*' claim
dmfuse remove e
claim || fail 'the block device was not let go'
refuses 'dmfuse: create d: Device or resource busy: linear: Device lookup failed (Device or resource busy)' \
    dmfuse create d --table "0 1024 linear $loop 0"
umount there
prints '' dmfuse create d --table "0 1024 linear $loop 0"
dmfuse remove d
# Two daemons are two kernels: the second one is refused, whatever either does with it.
first=$mnt first_daemon=$daemon
mount_here
for one in '' --readonly; do
    DM_DEV_DIR=$first dmfuse create d ${one:+"$one"} --table "0 1024 linear $loop 0"
    for other in '' --readonly; do
        refuses 'dmfuse: create d: Device or resource busy: linear: Device lookup failed (Device or resource busy)' \
            dmfuse create d ${other:+"$other"} --table "0 1024 linear $loop 0"
    done
    DM_DEV_DIR=$first dmfuse remove d
done
dmfuse create d --table "0 1024 linear $loop 0"
dmfuse remove d
unmount_here
mnt=$first daemon=$first_daemon DM_DEV_DIR=$first
# A write-protected one: writes fail with EIO, as in the kernel.
loop_off
loop_over disk --read-only
dmfuse create d --table "0 1024 linear $loop 0"
same 'reads' <(sectors disk 0 1024) "$(device d)"
fails_like '*Input/output error' dd if=patch of="$(device d)" bs=4k conv=notrunc,fsync
dmfuse remove d
unmount_here
