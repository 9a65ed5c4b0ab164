#!/usr/bin/env bash
# A daemon that is killed leaves a mount that nobody answers. The next mount there recognises it,
# cleans up and works; what had been flushed is in the backing file.
. "$(dirname "$0")/lib.sh"
need_helper preload-pages
make_random image 2048
make_file a 2048
mount_here
dmfuse create d --table "0 2048 linear $PWD/a 0"
dd if=image of="$(device d)" bs=64k count=8 conv=notrunc,fsync status=none
dmfuse suspend d
start dd if="$(device d)" of=/dev/null bs=4k count=1 iflag=direct status=none 2>reader
reader=$!
eventually 'the read is held' is_held "$reader" 0
kill -9 "$daemon"
ends_with 137 "$daemon"
# Nobody is left waiting.
eventually 'the reader ends' has_ended "$reader"
fails_like '*Transport endpoint is not connected' ls "$mnt"
is_mounted "$mnt" || fail 'the stale mount is gone by itself'
fails_like "dmfuse: ls: $mnt: *" soon "$DMFUSE" ls
same 'what was flushed' <(sectors image 0 1024) <(sectors a 0 1024)

mount_at "$mnt"
equal 'mounts there' 1 "$(mounts_below "$mnt" | wc -l)"
prints 'No devices found' dmfuse ls
dmfuse create d --table "0 2048 linear $PWD/a 0"
same 'the device, again' a "$(device d)"
dd if=image of="$(device d)" bs=64k conv=notrunc,fsync status=none
same 'written, again' image a
unmount_here

# Also when it went in the background, and twice.
for _ in 1 2; do
    "$DMFUSE" mount "$mnt"
    dmfuse create d --table "0 2048 linear $PWD/a 0"
    same 'the device' image "$(device d)"
    # The daemon is who listens at the socket of this mount: its number is the socket's name.
    daemon=$(basename "$(readlink "$mnt/mapper/control")" .control)
    tr '\0' ' ' <"/proc/$daemon/cmdline" | grep -qF "$mnt" || fail "process $daemon is not ours"
    kill -9 "$daemon"
    eventually 'it is gone' has_ended "$daemon"
done
# `unmount` helps, too.
prints '' dmfuse unmount "$mnt"
is_mounted "$mnt" && fail 'the stale mount is still there'
prints '' ls "$mnt"

# It is killed while a command is on its way there: a request that a dying thread takes is EIO.
export LOST_REQUESTS=$PWD/lost
LD_PRELOAD=$helpers/preload-pages start "$DMFUSE" mount --foreground "$mnt"
daemon=$!
eventually 'the mount is there' is_mounted "$mnt"
touch "$LOST_REQUESTS"
is_lost() { [[ $(ls "$mnt" 2>&1) == *'Input/output error' ]]; }
eventually 'requests are lost' is_lost
start "$DMFUSE" unmount "$mnt" >said 2>&1
client=$!
for _ in {1..10}; do pause; done
kill -9 "$daemon"
ends_with 0 "$client" || fail 'the command' "$(<said)"
! is_mounted "$mnt" || fail 'the mount is still there'
ends_with 137 "$daemon"

# --auto-unmount leaves nothing behind in the first place. (For an ordinary user fusermount3 3.14 does
# not keep that promise, whatever the file system.)
if is_root; then
    mount_at "$mnt" --auto-unmount
    dmfuse create d --table "0 2048 linear $PWD/a 0"
    same 'the device' image "$(device d)"
    kill -9 "$daemon"
    ends_with 137 "$daemon"
    eventually 'the mount goes by itself' eval '! is_mounted "$mnt"'
    prints '' ls "$mnt"
fi
