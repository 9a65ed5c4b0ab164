#!/usr/bin/env bash
# fsync of a device reaches fdatasync of each backing file under it, once; what fails there is told
# once to each who has the device open; and a table isn't let go before it was flushed.
. "$(dirname "$0")/lib.sh"
need_helper preload-sync
export SYNC_LOG=$PWD/log SYNC_FAIL=$PWD/fail
LD_PRELOAD=$helpers/preload-sync mount_here
make_file a 64
make_file b 64
make_file c 64
# WHAT FILE...: exactly these have been flushed since the last time.
flushed() {
    local what=$1
    shift
    equal "flushed by $what" "$(printf "$PWD/%s\n" "$@" | sort)" "$(sort log)"
    : >log
}
not_flushed() { equal "flushed by $1" '' "$(<log)"; }
: >log
# A stripe of a and b, and the end of a once more, under another device.
dmfuse create lower <<TABLE
0 32 striped 2 8 $PWD/a 0 $PWD/b 0
32 8 linear $PWD/a 32
40 8 zero
TABLE
dmfuse create upper --table "0 48 linear $(device lower) 0"
d=$(device upper)
dd if=/dev/urandom of="$d" bs=4k count=5 conv=notrunc status=none
not_flushed 'a write alone'
dd if=/dev/urandom of="$d" bs=4k count=1 conv=notrunc,fsync status=none
flushed 'fsync' a b
sync "$d"
flushed 'fsync without a write' a b
dd if=/dev/urandom of="$d" bs=4k count=1 conv=notrunc,fdatasync status=none
flushed 'fdatasync' a b
dd if=/dev/urandom of="$d" bs=4k seek=4 count=1 conv=notrunc oflag=direct,dsync status=none
[[ $(sort -u log) == *$PWD/a* ]] || fail 'a synchronous direct write was not flushed' "$(<log)"
: >log

# As soon as they return, also through the cache.
for flag in sync dsync; do
    : >log
    dd if=/dev/urandom of="$d" bs=4k count=1 seek=4 conv=notrunc oflag=$flag status=none
    [[ $(sort -u log) == *$PWD/a* ]] || fail "a write with O_${flag^^} was not flushed" "$(<log)"
done
# What a mapping changed, by the ioctl of `blockdev --flushbufs`.
if command -v blockdev >/dev/null; then
    : >log
    blockdev --flushbufs "$d" || fail 'BLKFLSBUF'
    flushed BLKFLSBUF a b
fi
: >log

# Errors: once to each opener, those that came before; none to those that come after.
fsync_of() { dd if=/dev/null count=0 conv=notrunc,fsync status=none >&"$1"; }
exec 3<>"$d" 4<>"$d"
dd if=/dev/urandom bs=4k count=1 conv=notrunc status=none >&3
touch fail
fails_like '*fsync*Input/output error' fsync_of 3
rm fail
exec 5<>"$d"
fsync_of 3 || fail 'an error was told twice'
fails_like '*fsync*Input/output error' fsync_of 4
fsync_of 4 || fail 'an error was told twice'
fsync_of 5 || fail 'an error was told to somebody who came after it'
exec 3>&- 4>&- 5>&-

# Suspend flushes; so do a swap of tables, the removal and the unmount, before they let go.
: >log
dd if=/dev/urandom of="$d" bs=4k count=1 conv=notrunc status=none
dmfuse suspend upper
[[ $(sort -u log) == "$PWD/a"$'\n'"$PWD/b" ]] || fail 'suspend did not flush' "$(<log)"
dmfuse resume upper
dd if=/dev/urandom of="$d" bs=4k count=1 conv=notrunc status=none
: >log
dmfuse load upper --table "0 48 linear $PWD/c 0"
dmfuse resume upper
[[ $(sort -u log) == "$PWD/a"$'\n'"$PWD/b" ]] || fail 'a swap of tables did not flush' "$(<log)"
dd if=/dev/urandom of="$d" bs=4k count=1 conv=notrunc status=none
: >log
dmfuse remove upper
[[ $(sort -u log) == "$PWD/c" ]] || fail 'a removal did not flush' "$(<log)"
dd if=/dev/urandom of="$(device lower)" bs=4k count=1 conv=notrunc status=none
: >log
unmount_here
[[ $(sort -u log) == "$PWD/a"$'\n'"$PWD/b" ]] || fail 'unmount did not flush' "$(<log)"
