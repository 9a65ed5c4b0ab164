#!/usr/bin/env bash
# What a burst took is given back: reads and writes that a suspended device held, requests in many
# parts, a discard in a quarter of a million, tables of many lines. What counts is memory that is the
# daemon's alone (RssAnon); and in few addresses (RLIMIT_AS) other devices answer after a burst.
# Takes: long
. "$(dirname "$0")/lib.sh"
need_helper crowd

# Kilobytes of a line of /proc/PID/status.
status_of() { sed -n "s/^$1:[[:space:]]*\([0-9]*\) kB/\1/p" "/proc/$daemon/status"; }
# What the daemon needs for other requests while it is idle: buffers of its threads, and what is kept
# of each pool. It is far less than any of the bursts.
readonly spare=$((24 << 10))
is_given_back() { [ "$(status_of RssAnon)" -le $((before + spare)) ]; }
# WHAT: the daemon's memory is as it was at first, but for what is kept.
given_back() {
    local after
    after=$(status_of RssAnon)
    eventually "the memory of $1 is given back: $before kB before, $after kB at its end" is_given_back
    note "$1: $before kB before, $after kB at its end, $(status_of RssAnon) kB later"
}
# OPERATION COUNT BYTES: so many at once on a suspended device d, and then it is resumed.
burst() {
    dmfuse suspend --noflush d
    start timeout 120 "$helpers/crowd" "$1" "$(device d)" "$2" "$3" >crowd.log
    crowd=$!
    eventually "$2 calls of $1 are held" grep -q held crowd.log
    dmfuse resume d
    wait "$crowd" || fail "$1" "$(<crowd.log)"
    equal "$1" "$2 of $2" "$(tail -n +2 crowd.log)"
}

mount_here
truncate -s 257M lower
# Chunks so small are read into a buffer; longer ones are lent where they are in memory.
dmfuse create d --table "0 $((256 << 11)) striped 2 8 $PWD/lower 0 $PWD/lower $((128 << 11))"
dd if="$(device d)" of=/dev/null bs=1M count=8 iflag=direct status=none
before=$(status_of RssAnon)

# MARK: Requests

burst read "$(tries 500)" $((1 << 20))
given_back "$(tries 500) reads of 1 MiB"
burst read "$(tries 3000)" 4096
given_back "$(tries 3000) reads of 4 KiB"
burst write 100 $((1 << 20))
given_back '100 writes of 1 MiB'
burst write 1000 4096
given_back '1,000 writes of 4 KiB'
burst fsync 200 4096
given_back '200 fsyncs'
burst discard 200 4096
given_back '200 discards'
dmfuse remove d

# In 256 parts each.
awk -v lower="$PWD/lower" 'BEGIN { for (i = 0; i < 65536; i++) print i * 8, 8, "linear", lower, i * 8 }' >parts
dmfuse create d parts
burst read "$(tries 300)" $((1 << 20))
given_back "$(tries 300) reads of 256 parts each"
burst write "$(tries 100)" $((1 << 20))
given_back "$(tries 100) writes of 256 parts each"
dmfuse remove d

# MARK: A discard

# 512 lines of 512 stripes: a part of it for each.
awk -v lower="$PWD/lower" 'BEGIN {
    for (line = 0; line < 512; line++) {
        printf "%d 4096 striped 512 8", line * 4096
        for (stripe = 0; stripe < 512; stripe++) printf " %s %d", lower, (line * 512 + stripe) * 2
        print ""
    }
}' >striped
head -c $((2 << 20)) /dev/zero | tr '\0' x | dd of=lower conv=notrunc status=none
dmfuse create s striped
echo 5 >"/proc/$daemon/clear_refs"
loaded=$(status_of VmHWM)
timeout $((2 * patience)) "$helpers/crowd" discard "$(device s)" 1 $((512 * 4096 * 512)) >crowd.log
equal 'the discard' '1 of 1' "$(tail -n 1 crowd.log)"
zeros 'what was discarded' lower 0 4096
grown=$(($(status_of VmHWM) - loaded))
note "a discard in 262,144 parts: $grown kB at most"
[ "$grown" -le "$spare" ] || fail "a discard of 262,144 parts took $grown kB"
dmfuse remove s
given_back 'a discard in 262,144 parts, and its table'

# MARK: Tables

lines=$(tries 300000)
awk -v lines="$lines" 'BEGIN { for (i = 0; i < lines; i++) print i * 8, 8, "zero" }' >table
dmfuse create t --notable
for _ in 1 2 3; do
    dmfuse load t table
    dmfuse table --inactive t | sed -n '$=' >lines
    equal 'lines' "$lines" "$(<lines)"
    dmfuse clear t
done
given_back "3 loads of $lines lines"
dmfuse remove t
for i in {0..2999}; do printf 'device-%d,,,,0 8 zero;' "$i"; done >concise
dmfuse create --concise <concise
dmfuse remove_all
given_back '3,000 devices'
unmount_here

# MARK: Few addresses

printf '#!/bin/sh\nulimit -Sv %d && exec "%s" "$@"\n' $((160 << 10)) "$DMFUSE" >limited
chmod +x limited
DMFUSE=$PWD/limited mount_here
make_random other 2048
dmfuse create other --table "0 2048 linear $PWD/other 0"
dmfuse create d --table "0 $((256 << 11)) striped 2 8 $PWD/lower 0 $PWD/lower $((128 << 11))"
# Some of the burst may be refused; nothing after it is.
dmfuse suspend --noflush d
start timeout 120 "$helpers/crowd" read "$(device d)" 400 $((1 << 20)) >crowd.log
crowd=$!
eventually '400 reads are held' grep -q held crowd.log
dmfuse resume d
wait "$crowd" || fail 'the reads' "$(<crowd.log)"
note "400 reads of 1 MiB in 160 MiB: $(sed -n 2p crowd.log)"
same 'another device after a burst' other <(dd if="$(device other)" bs=1M iflag=direct status=none)
soon dd if=other of="$(device other)" bs=1M oflag=direct conv=notrunc status=none
dmfuse create new --table "0 2048 linear $PWD/other 0"
same 'a new device after a burst' other "$(device new)"
dmfuse remove_all
unmount_here
