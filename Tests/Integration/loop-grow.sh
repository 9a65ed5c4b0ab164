#!/usr/bin/env bash
# A device becomes longer under a mounted, busy file system that grows while it is in use: XFS and
# btrfs, with and without direct I/O. (loop-busy has ext4.)
# As: root
# Takes: long
. "$(dirname "$0")/lib.sh"
need_command blockdev
need_helper fsload
mount_here
memory_here
need_loops
grow_xfs() { quietly xfs_growfs "$1"; }
grow_btrfs() { quietly btrfs filesystem resize max "$1"; }
check_xfs() { quietly xfs_repair -n "$1"; }
check_btrfs() { quietly btrfs check --readonly "$1"; }
free_space() { df --output=avail "$1" | tail -n 1; }

# KIND DIRECT PROGRAM
grows() {
    local kind=$1 direct=$2 before load fill=0
    has_file_system "$kind" "$3" || return 0
    # An end that is in the middle of a page, and one that is in the middle of another.
    make_file memory/a 655361
    make_file memory/b 524288
    dmfuse create fs --table "0 655361 linear $PWD/memory/a 0"
    loop_here fs "$direct"
    quietly "mkfs.$kind" -q "$loop"
    mkdir -p there
    mount "$loop" there
    start "$helpers/fsload" there 0
    load=$!
    before=$(free_space there)
    dmfuse load fs <<TABLE
0 655361 linear $PWD/memory/a 0
655361 524286 linear $PWD/memory/b 0
TABLE
    dmfuse resume fs
    prints $((1179647 * 512)) stat -L -c %s "$(device fs)"
    losetup -c "$loop"
    equal 'the loop device' $((1179647 * 512)) "$(blockdev --getsize64 "$loop")"
    "grow_$kind" there
    still_run "$load"
    eventually 'there is more room' eval "[ \$(free_space there) -gt $((before + 200000)) ]"
    dmfuse suspend fs
    dmfuse resume fs
    # More than fits into what there was before.
    head -c 64M /dev/urandom >there/filling
    while [ "$(free_space there)" -gt 220000 ]; do
        cp --reflink=never there/filling "there/full-$fill"
        fill=$((fill + 1))
    done
    still_run "$load"
    touch there/stop
    ends_with 0 "$load"
    umount there
    "check_$kind" "$loop"
    mount "$loop" there
    while [ "$fill" -gt 0 ]; do
        fill=$((fill - 1))
        same 'what reaches into the new part' there/filling "there/full-$fill"
    done
    quietly fstrim there
    umount there
    "check_$kind" "$loop"
    loop_off
    dmfuse remove --retry fs
    rm memory/a memory/b
}
for direct in off on; do
    grows xfs "$direct" xfs_growfs
    grows btrfs "$direct" btrfs
done
unmount_here
