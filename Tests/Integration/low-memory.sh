#!/usr/bin/env bash
# A daemon that may have few addresses (RLIMIT_AS): it doesn't start and says so in a line; or what
# would take too much is refused with ENOMEM, devices, tables and requests, and it lives, the other
# devices go on, and when something is removed there is room again.
# Takes: long
. "$(dirname "$0")/lib.sh"

# MARK: At the start

can_mount
make_random a 65536
mkdir little
refused=0 barely=0 served=0
limits=(20 22 24 26 28 30 32 34 36 38 40 44 48 52 56 60 64 80 96 128 256 512)
is_root || limits=(20 32 44 64 128)
for limit in "${limits[@]}"; do
    (ulimit -Sv $((limit << 10)) && exec "$DMFUSE" mount --foreground little) >said 2>&1 &
    daemon=$!
    answers() { has_ended "$daemon" || DM_DEV_DIR=$PWD/little "$DMFUSE" ls >/dev/null 2>&1; }
    eventually "it answers or ends with $limit MiB" answers
    if has_ended "$daemon"; then
        status=0
        wait "$daemon" || status=$?
        # Below what the program needs to be loaded, the loader says it.
        [ "$status" -ge 1 ] && [ "$status" -le 127 ] || fail "it ended with $status with $limit MiB" "$(<said)"
        equal "what it says with $limit MiB" 1 "$(wc -l <said)"
        refused=$((refused + 1))
    else
        export DM_DEV_DIR=$PWD/little
        if dmfuse create d --table "0 65536 linear $PWD/a 0" 2>refusal &&
            dd if=little/mapper/d of=copy bs=1M status=none 2>refusal; then
            served=$((served + 1))
            same "with $limit MiB" a copy
        else
            barely=$((barely + 1))
            [[ $(<refusal) == *'Cannot allocate memory'* ]] || fail "with $limit MiB" "$(<refusal)"
        fi
        dmfuse remove_all
        dmfuse unmount little
        ends_with 0 "$daemon"
    fi
    ! is_mounted "$PWD/little" || fail "a mount was left behind with $limit MiB"
done
[ "$refused" -ge 1 ] && [ "$served" -ge 1 ] || fail "of ${#limits[@]} limits $refused were too low"
note "of ${#limits[@]} limits of addresses $refused were too low to start, $barely for a device or a read, $served were enough"

# MARK: Later

mkdir spill
# MEBIBYTES: a mount whose daemon may have as much.
mount_with() {
    printf '#!/bin/sh\nulimit -Sv %d && exec "%s" "$@"\n' $(($1 << 10)) "$DMFUSE" >limited
    chmod +x limited
    TMPDIR=$PWD/spill DMFUSE=$PWD/limited mount_here
}
mount_with 80
make_random other 1024
dmfuse create other --table "0 1024 linear $PWD/other 0"
works() {
    still_run "$daemon"
    soon cmp other "$(device other)" || fail 'another device fails'
    soon cmp other <(dd if="$(device other)" bs=64k iflag=direct status=none) ||
        fail 'another device fails'
    soon dd if=other of="$(device other)" bs=64k conv=notrunc,fsync status=none ||
        fail 'another device fails'
}

# Devices.
create_all() { dmfuse create --concise <concise; }
for ((i = 0; i < 100000; i++)); do printf 'device-%d,,,,0 8 zero;' "$i"; done >concise
fails_like 'dmfuse: create device-*: Cannot allocate memory: *' create_all
made=$(dmfuse info -c --noheadings -o name | wc -l)
[ "$made" -gt 100 ] || fail "only $made devices were made"
note "devices in 80 MiB: $made"
works
dmfuse remove_all
dmfuse create other --table "0 1024 linear $PWD/other 0"
works

# A table.
awk 'BEGIN { for (i = 0; i < 300000; i++) print i * 8, 8, "zero" }' >table
fails_like 'dmfuse: create long: Cannot allocate memory: *' dmfuse create long table
works

# Requests of 256 parts each, which are cut as they go. While they are held they need little; when the one
# device goes on and the other doesn't, each needs its buffer of 1 MiB at once.
make_file lower 65536
for name in x y; do dmfuse create "$name" --table "0 32768 linear $PWD/lower 0"; done
dmfuse create striped --table "0 65536 striped 2 8 $(device x) 0 $(device y) 0"
dmfuse suspend x
dmfuse suspend y
requests=()
for i in {0..199}; do
    start dd if="$(device striped)" of=/dev/null bs=1M skip=$((i % 32)) count=1 iflag=direct \
        status=none 2>"said-$i"
    requests+=($!)
done
count_refused() { { grep -l 'Cannot allocate memory' said-* || true; } | wc -l; }
all_are_held() {
    local request
    for request in "${requests[@]}"; do is_held "$request" 0 || return; done
}
eventually 'all reads are held' all_are_held
equal 'none is refused yet' 0 "$(count_refused)"
dmfuse resume x
is_full() { [ "$(sed -n 's/^VmSize:\s*\([0-9]*\) kB/\1/p' "/proc/$daemon/status")" -gt 65536 ]; }
eventually 'they have taken what memory there was' is_full
still_run "$daemon"
equal 'commands are answered' 4 "$(dmfuse ls | wc -l)"
dmfuse resume y
failed=0
for request in "${requests[@]}"; do wait "$request" || failed=$((failed + 1)); done
equal 'the others were done' "$(count_refused)" "$failed"
[ "$failed" -gt 0 ] || fail 'none was refused'
[ "$failed" -lt 200 ] || fail 'none was done'
note "reads of 1 MiB in 256 parts, held in 80 MiB: $((200 - failed)) of 200"
rm said-*
dmfuse remove striped x y
works
dmfuse remove other
unmount_here

# Writes that are held: in memory, then in the spill file, or refused; none is half done.
mount_with 80
dmfuse create other --table "0 1024 linear $PWD/other 0"
make_file a 131072
head -c 64M /dev/urandom >image
dmfuse create d --table "0 131072 linear $PWD/a 0"
dmfuse suspend d
requests=()
for i in {0..63}; do
    start dd if=image of="$(device d)" bs=1M skip="$i" seek="$i" count=1 oflag=direct conv=notrunc \
        status=none 2>"said-$i"
    requests+=($!)
done
all_are_seen() { [ "$(jobs -rp | wc -l)" -ge 0 ] && [ "$(dmfuse info -c --noheadings -o open d)" -gt 0 ]; }
eventually 'writes are held' all_are_seen
still_run "$daemon"
dmfuse resume d
for i in {0..63}; do
    if wait "${requests[i]}"; then
        same "write $i" <(sectors image $((i * 2048)) 2048) <(sectors a $((i * 2048)) 2048)
    else
        [[ $(<"said-$i") == *'Cannot allocate memory' ]] || fail "write $i" "$(<"said-$i")"
    fi
done
note "writes of 1 MiB, held in 80 MiB and a spill file: $((64 - $(count_refused))) of 64"
works
dmfuse remove_all
unmount_here
