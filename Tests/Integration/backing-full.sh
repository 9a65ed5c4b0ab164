#!/usr/bin/env bash
# As: root
# A sparse backing file on a file system that is full: a write that finds no space there fails with
# ENOSPC, as on a device that is short of space, and the other devices go on.
. "$(dirname "$0")/lib.sh"
mount_here
mkdir small
mount -t tmpfs -o size=1m none small 2>/dev/null || skip "tmpfs can't be mounted here"
make_file small/a 8192
make_file b 8192
dmfuse create d --table "0 8192 linear $PWD/small/a 0"
dmfuse create other --table "0 8192 linear $PWD/b 0"
for flag in '' direct; do
    fails_like '*No space left on device' \
        dd if=/dev/urandom of="$(device d)" bs=64k conv=notrunc,fsync ${flag:+oflag=$flag}
done
# What found space is there; what is overwritten needs none.
same 'the first bytes' <(sectors small/a 0 8) <(sectors "$(device d)" 0 8)
dd if=/dev/zero of="$(device d)" bs=4k count=1 conv=notrunc,fsync status=none
zeros 'overwritten' small/a 0 8
dd if=/dev/urandom of="$(device other)" bs=64k count=4 conv=notrunc,fsync status=none
dmfuse remove_all
umount small
unmount_here
