#!/usr/bin/env bash
# Kernel file systems on loop devices over devices' files, with and without direct I/O: made, filled and
# read back by fio and others, also while the device is suspended and resumed, trimmed, and found clean.
# As: root
# Takes: long
. "$(dirname "$0")/lib.sh"
need_command mkfs.ext4 e2fsck fstrim fio
need_helper fsload
mount_here
memory_here
need_loops

shrinks() {
    fstrim "on-$1"
    [ "$(du -k "memory/$1.0" | cut -f 1)" -lt "$2" ]
}
# KIND DIRECT
file_system() {
    local kind=$1 direct=$2 name=$1-$2 before load
    has_file_system "$kind" || return 0
    make_file "memory/$name.0" 524296
    make_file "memory/$name.1" 524296
    dmfuse create "$name" --table "0 1048576 striped 2 128 $PWD/memory/$name.0 8 $PWD/memory/$name.1 0"
    loop_here "$name" "$direct"
    quietly "mkfs.$kind" -q "$loop"
    mkdir "on-$name"
    mount "$loop" "on-$name"
    quietly fio --name=v --directory="on-$name" --size=2m --bs=4k --rw=randrw --verify=crc32c \
        --ioengine=psync --numjobs=2 --fsync=256 --verify_fatal=1
    start "$helpers/fsload" "on-$name" 0
    load=$!
    for _ in {1..10}; do
        dmfuse suspend "$name"
        dmfuse resume "$name"
    done
    still_run "$load"
    touch "on-$name/stop"
    ends_with 0 "$load"
    sync -f "on-$name"
    before=$(du -k "memory/$name.0" | cut -f 1)
    rm -rf "on-$name"/*
    sync -f "on-$name"
    # XFS frees what was deleted a little later.
    eventually "trimming gives something back of $before kB" shrinks "$name" "$before"
    cp "$DMFUSE" "on-$name/copy"
    umount "on-$name"
    check_"$kind" "$loop"
    mount -o ro "$loop" "on-$name"
    same 'what was copied' "$DMFUSE" "on-$name/copy"
    umount "on-$name"
    loop_off
    dmfuse remove --retry "$name"
    rm "memory/$name".[01]
}
check_ext4() { quietly e2fsck -fn "$1"; }
check_xfs() { quietly xfs_repair -n "$1"; }
check_btrfs() { quietly btrfs check --readonly "$1"; }

for direct in off on; do
    for kind in ext4 xfs btrfs; do file_system "$kind" "$direct"; done
done
unmount_here
