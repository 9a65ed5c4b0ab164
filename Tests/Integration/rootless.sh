#!/usr/bin/env bash
# A file system made, filled, read and checked without root, by programs that take a plain file: mke2fs,
# debugfs, e2fsck and, where FUSE may be mounted, fuse2fs; over a suspend and a swap of tables.
# As: user
. "$(dirname "$0")/lib.sh"
need_command mke2fs e2fsck debugfs
mount_here
make_file a 65536
make_file 0 32768
make_file 1 32768
dmfuse create fs --table "0 65536 linear $PWD/a 0"
quietly mke2fs -q -F -t ext4 -E root_owner="$(id -u):$(id -g)" "$(device fs)"
make_random content 8192
debugfs -w -R "write content inside" "$(device fs)" >said 2>&1 || fail 'debugfs' "$(<said)"
quietly e2fsck -fn "$(device fs)"

# To stripes, over a copy.
striped="0 65536 striped 2 64 $PWD/0 0 $PWD/1 0"
dmfuse create copy --table "$striped"
dmfuse suspend fs
dd if=a of="$(device copy)" bs=1M conv=notrunc,fsync status=none
dmfuse remove --retry copy
dmfuse load fs --table "$striped"
dmfuse resume fs
head -c 32M /dev/zero >a
quietly e2fsck -fn "$(device fs)"
debugfs -R 'dump inside out' "$(device fs)" >said 2>&1
same 'what the file system holds' content out

if command -v fuse2fs >/dev/null; then
    mkdir there
    start fuse2fs -f -o fakeroot "$(device fs)" there >fuse2fs.log 2>&1
    fuse2fs=$!
    eventually 'fuse2fs has mounted it' is_mounted "$PWD/there"
    same 'through fuse2fs' content there/inside
    cp content there/second
    dmfuse suspend fs
    start cp content there/third
    writer=$!
    dmfuse resume fs
    ends_with 0 "$writer"
    rm there/second
    fusermount3 -u there
    ends_with 0 "$fuse2fs"
    quietly e2fsck -fn "$(device fs)"
    debugfs -R 'dump third out' "$(device fs)" >said 2>&1
    same 'what was written over a suspend' content out
else
    note "fuse2fs left out: it isn't installed"
fi
dmfuse remove --retry fs
unmount_here
