#!/usr/bin/env bash
# Whether a device takes discards is decided by its whole table: one target that takes none forbids
# them, at once and whatever range it is, be the device suspended or not.
. "$(dirname "$0")/lib.sh"
need_command fallocate blkdiscard
mount_here
make_random a 64
run() { dmfuse run -- "$@"; }
# NAME: its file takes a hole, or does not, and a program that takes it for a block device is told the
# same.
takes() {
    prints '' fallocate -p -n -o 0 -l 4096 "$(device "$1")"
    prints '' run blkdiscard -o 4096 -l 4096 "/dev/mapper/$1"
}
# Forced, since blkdiscard looks first at what is there, and "error" fails that.
refuses_discards() {
    local said
    fails_like '*unsupported' fallocate -p -n -o 0 -l 4096 "$(device "$1")"
    said=$(run blkdiscard -f -o 4096 -l 4096 "/dev/mapper/$1" 2>&1) && fail "blkdiscard of $1 succeeded"
    [[ $said == *'BLKDISCARD ioctl failed: Operation not supported' ]] || fail "blkdiscard of $1" "$said"
}
fallocate -p -n -o 0 -l 512 a 2>/dev/null || skip "the file system here makes no holes"
dmfuse create file --table "0 64 linear $PWD/a 0"
takes file
zeros 'discarded' a 0 16
dmfuse create late --table "0 64 delay $PWD/a 0 0"
takes late
dmfuse create none --table '0 64 zero'
dmfuse create bad --table '0 64 error'
cp a before
dmfuse create mixed --table "0 32 linear $PWD/a 0
32 32 zero"
dmfuse create over --table "0 32 linear $(device none) 0
32 32 linear $PWD/a 0"
for name in none bad mixed over; do refuses_discards "$name"; done
same 'nothing was discarded' before a
# Zeros are written, where there is something to write to.
prints '' fallocate -z -n -o 0 -l 4096 "$(device mixed)"
prints '' run blkdiscard -z -o 0 -l 4096 /dev/mapper/none
fails_like '*Input/output error' fallocate -z -n -o 0 -l 4096 "$(device bad)"

dmfuse suspend none
refuses_discards none
dmfuse load none --table "0 64 linear $PWD/a 0"
refuses_discards none
dmfuse resume none
takes none
unmount_here
