#!/usr/bin/env bash
# A file system made, checked and filled on a striped device by tools that take a plain file; as root
# also mounted, through a loop device over the device's file.
. "$(dirname "$0")/lib.sh"
need_command mke2fs e2fsck debugfs
mount_here
for i in 0 1 2 3; do make_file "s$i" 20480; done
dmfuse create fs --table \
    "0 65536 striped 4 16 $PWD/s0 8 $PWD/s1 24 $PWD/s2 0 $PWD/s3 512"
mke2fs -q -F -t ext4 "$(device fs)"
make_random content 8192
debugfs -w -R "write content inside" "$(device fs)" >said 2>&1 || fail 'debugfs' "$(<said)"
e2fsck -fn "$(device fs)" >said 2>&1 || fail 'e2fsck found errors' "$(<said)"
debugfs -R 'dump inside out' "$(device fs)" >said 2>&1
same 'what the file system holds' content out
# The bytes are in the stripes: put together by another device over the same files.
dmfuse remove fs
dmfuse create again --readonly --table \
    "0 65536 striped 4 16 $PWD/s0 8 $PWD/s1 24 $PWD/s2 0 $PWD/s3 512"
e2fsck -fn "$(device again)" >said 2>&1 || fail 'e2fsck found errors' "$(<said)"
dmfuse remove again

if is_root && command -v losetup >/dev/null; then
    dmfuse create fs --table \
        "0 65536 striped 4 16 $PWD/s0 8 $PWD/s1 24 $PWD/s2 0 $PWD/s3 512"
    loop_here fs
    mkdir there
    mount "$loop" there 2>/dev/null || skip "ext4 can't be mounted here"
    same 'through the kernel' content there/inside
    cp there/inside there/second
    sync there/second
    # A snapshot's moment: everything stands still, and goes on.
    dmfuse suspend fs
    start cp content there/third
    writer=$!
    dmfuse resume fs
    ends_with 0 "$writer"
    umount there
    loop_off
    e2fsck -fn "$(device fs)" >said 2>&1 || fail 'e2fsck found errors' "$(<said)"
    debugfs -R 'dump third out' "$(device fs)" >said 2>&1
    same 'what was written over a suspend' content out
    dmfuse remove --retry fs
fi
unmount_here
