#!/usr/bin/env bash
# A file that can't be written backs a read-only device only: EACCES or EROFS at load. A read that
# finds less of the file than the table says is EIO, never zeros.
. "$(dirname "$0")/lib.sh"
mount_here
make_random a 64
# Root writes through any mode, but not through a read-only file system.
if is_root; then
    mkdir ro
    mount --bind . ro 2>/dev/null && mount -o remount,bind,ro ro || skip "bind mounts aren't permitted here"
    file=$PWD/ro/a error='Read-only file system'
else
    chmod 400 a
    file=$PWD/a error='Permission denied'
fi
refuses "dmfuse: create d: $error: linear: Device lookup failed ($file: $error: it can be had read-only, with --readonly)" \
    dmfuse create d --table "0 64 linear $file 0"
prints '' dmfuse create d --readonly --table "0 64 linear $file 0"
same 'a read-only device' a "$(device d)"
# Not even later.
fails_like "dmfuse: load d: $error: *" dmfuse load d --table "0 64 linear $file 0"
dmfuse remove d
! is_root || umount ro
chmod 600 a

dmfuse create d --table "0 64 linear $PWD/a 0"
same 'all of it' a "$(device d)"
truncate -s $((32 * 512 + 100)) a
for flag in '' direct; do
    same "what is left, $flag" <(sectors a 0 32) \
        <(dd if="$(device d)" bs=16k count=1 ${flag:+iflag=$flag} status=none)
    fails_like '*Input/output error' dd if="$(device d)" of=/dev/null bs=16k skip=1 count=1 ${flag:+iflag=$flag}
done
unmount_here
