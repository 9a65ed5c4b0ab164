#!/usr/bin/env bash
# Under a mounted, busy file system: the device is suspended and resumed, goes from linear to striped
# over a copy, becomes longer, and the file system with it; and it is found clean.
# As: root
. "$(dirname "$0")/lib.sh"
need_command mkfs.ext4 e2fsck resize2fs blockdev
need_helper fsload
mount_here
memory_here
make_file memory/a 131072
make_file memory/0 65544
make_file memory/1 65544
make_file memory/more 65536
dmfuse create fs --table "0 131072 linear $PWD/memory/a 0"
loop_here fs on
quietly mkfs.ext4 -q "$loop"
mkdir there
mount "$loop" there
start "$helpers/fsload" there 0
load=$!

for _ in {1..20}; do
    dmfuse suspend fs
    dmfuse resume fs
done
still_run "$load"

# Over a copy, made while nothing goes on.
striped="0 131072 striped 2 128 $PWD/memory/0 8 $PWD/memory/1 0"
dmfuse create copy --table "$striped"
dmfuse suspend fs
dd if=memory/a of="$(device copy)" bs=1M conv=notrunc,fsync status=none
dmfuse remove --retry copy
dmfuse load fs --table "$striped"
dmfuse resume fs
# Nothing reads the old file any more.
head -c 64M /dev/urandom | dd of=memory/a bs=1M conv=notrunc status=none
still_run "$load"

# Longer, the loop device and the file system after it.
before=$(df --output=size there | tail -n 1)
dmfuse load fs <<TABLE
$striped
131072 65536 linear $PWD/memory/more 0
TABLE
dmfuse resume fs
losetup -c "$loop"
equal 'the loop device' 100663296 "$(blockdev --getsize64 "$loop")"
# CAP_SYS_RESOURCE is what ext4 demands for growing while it is mounted.
if has_capability Eff 24; then
    quietly resize2fs "$loop"
else
    note 'grown without being mounted: CAP_SYS_RESOURCE is missing'
    touch there/stop
    ends_with 0 "$load"
    umount there
    quietly e2fsck -fp "$loop"
    quietly resize2fs "$loop"
    mount "$loop" there
    rm -rf there/p* there/stop
    start "$helpers/fsload" there 0
    load=$!
fi
[ "$(df --output=size there | tail -n 1)" -gt "$((before * 5 / 4))" ] || fail 'the file system did not grow'
still_run "$load"
touch there/stop
ends_with 0 "$load"
head -c 70M /dev/urandom >there/full || fail 'the file system has no room'
sync -f there
umount there
quietly e2fsck -fn "$loop"
mount -o ro "$loop" there
[ "$(stat -c %s there/full)" = 73400320 ] || fail 'a file that reaches into the new part'
umount there
loop_off
dmfuse remove --retry fs
unmount_here
