#!/usr/bin/env bash
# Everything at once on one mount, for SOAK_SECONDS (10 unless told): devices that come and go, swaps
# and suspends under verified reads and writes, held requests whose processes are killed, discards,
# long tables, and clients that send garbage or die. No wrong byte; and when all devices are removed
# the daemon has the descriptors, threads and memory that it had before. `scripts/soak` runs it longer.
# Takes: long
. "$(dirname "$0")/lib.sh"
need_helper openclose
need_helper rewrites
need_helper garbage
seconds=${SOAK_SECONDS:-10}
# What may be left of memory: pieces that malloc can't give back, and what pools keep ready.
readonly most_left=24576
# Threads that are kept for the next request: four of I/O, the timer of held requests, the one that
# removes what was deferred.
readonly most_threads=6
mount_here

# MARK: Figures

figures=(RssAnon descriptors threads)
# One of the figures of the daemon: kB, or a number.
measure() {
    case $1 in
        RssAnon) sed -n 's/^RssAnon:\s*\([0-9]*\) kB/\1/p' "/proc/$daemon/status" ;;
        descriptors) ls "/proc/$daemon/fd" | wc -l ;;
        threads) ls "/proc/$daemon/task" | wc -l ;;
    esac
}
declare -A before peak after
look_at_peak() {
    local figure now
    for figure in "${figures[@]}"; do
        now=$(measure "$figure")
        [ "$now" -le "${peak[$figure]:-0}" ] || peak[$figure]=$now
    done
}

# MARK: Actors, each until its time is over

is_over() { [ "$SECONDS" -ge "$end" ]; }
# NAME: an actor has done one more round.
done_once() { echo >>"rounds-$1"; }
# Of this shell's, so that each can wait for its own without the others.
reap() { wait "$@" 2>/dev/null || true; }

comes_and_goes() {
    until is_over; do
        prints '200 rounds' "$helpers/openclose" "$mnt" "$PWD/round" 200
        done_once comes-and-goes
    done
}
# The same bytes in one file and in two, so that whatever table is live a reader finds them.
swaps() {
    local at=0
    until is_over; do
        at=$((at + 1))
        dmfuse load swapped --table "${same_bytes[at % 2]}"
        [ $((at % 3)) -ne 0 ] || dmfuse suspend swapped
        [ $((at % 7)) -ne 0 ] || dmfuse load swapped --table "${same_bytes[at % 2]}"
        dmfuse resume swapped
        done_once swaps
    done
}
# FLAG...: of dd.
reads_swapped() {
    until is_over; do
        same 'a device whose table is exchanged' image \
            <(dd if="$(device swapped)" bs=1M status=none "$@")
        done_once reads
    done
}
reads_direct() { reads_swapped iflag=direct; }
writes_swapped() {
    until is_over; do
        dd if=image of="$(device swapped)" bs=40k oflag=direct conv=notrunc status=none
        dd if=image of="$(device swapped)" bs=24k conv=notrunc,fsync status=none
        done_once writes
    done
}
rewrites() {
    until is_over; do
        "$helpers/rewrites" "$(device rewritten)" 4096 500 >/dev/null
        "$helpers/rewrites" "$(device rewritten)" 1536 500 >/dev/null
        done_once rewrites
    done
}
# Readers and writers of a suspended device: of each two one is killed.
holds() {
    local waiting i
    until is_over; do
        dmfuse suspend held
        waiting=()
        for i in {0..31}; do
            dd if="$(device held)" of=/dev/null bs=1M skip=$((i % 16)) count=1 iflag=direct \
                status=none 2>/dev/null &
            waiting+=($!)
            dd if=image of="$(device held)" bs=64k seek="$i" count=1 oflag=direct conv=notrunc \
                status=none 2>/dev/null &
            waiting+=($!)
        done
        for i in {0..63..2}; do eventually 'it is held' is_held_or_gone "${waiting[i]}"; done
        for i in {0..63..3}; do kill -KILL "${waiting[i]}" 2>/dev/null || true; done
        dmfuse resume held
        reap "${waiting[@]}"
        done_once holds
    done
}
is_held_or_gone() { is_held "$1" 0 || has_ended "$1"; }
discards() {
    until is_over; do
        fallocate --punch-hole --offset 0 --length 8M "$(device stripes)"
        cmp -n 8388608 "$(device stripes)" /dev/zero
        dd if=image of="$(device stripes)" bs=1M conv=notrunc status=none
        fallocate --zero-range --offset 0 --length 8M "$(device stripes)" 2>/dev/null || true
        done_once discards
    done
}
long_tables() {
    local sector
    for sector in {0..19999}; do echo "$sector 1 linear $PWD/long $sector"; done >long-table
    until is_over; do
        dmfuse create long long-table
        dmfuse load long long-table
        dmfuse clear long
        dmfuse remove --retry long
        done_once long-tables
    done
}
bad_clients() {
    local i
    until is_over; do
        "$helpers/garbage" "$mnt"
        for i in {1..20}; do
            "$DMFUSE" load swapped --table "${same_bytes[0]}" &
            kill -9 $! 2>/dev/null || true
            reap $!
        done
        fails_like 'dmfuse: create broken: *' dmfuse create broken --table '0 8 linear /nowhere 0'
        done_once bad-clients
    done
}

# MARK: The run

make_file round 8
make_random image 16384
cp image whole
make_file first 8192
make_file second 8192
same_bytes=("0 16384 linear $PWD/whole 0" "0 16384 striped 2 16 $PWD/first 0 $PWD/second 0")
dmfuse create split --table "${same_bytes[1]}"
dd if=image of="$(device split)" bs=1M conv=notrunc status=none
dmfuse remove --retry split
for file in rewrite-0 held-0; do make_file $file 32768; done
for file in stripe-{0..7}; do make_file $file 2048; done
make_file long 20000

eventually 'the daemon has come to rest' eval '[ "$(measure threads)" -gt 1 ]'
for figure in "${figures[@]}"; do before[$figure]=$(measure "$figure"); done
dmfuse create swapped --table "${same_bytes[0]}"
dmfuse create rewritten --table "0 32768 linear $PWD/rewrite-0 0"
dmfuse create held --table "0 32768 linear $PWD/held-0 0"
dmfuse create stripes --table "0 16384 striped 8 8$(printf " $PWD/%s 0" stripe-{0..7})"

actors=(comes_and_goes swaps reads_swapped reads_direct writes_swapped rewrites holds discards
    long_tables bad_clients)
end=$((SECONDS + seconds))
for actor in "${actors[@]}"; do
    # Its end is no end of the test. Its status is in a file: its number may be another process's soon.
    (trap 'echo $? >"status-$actor"' EXIT && "$actor") >"said-$actor" 2>&1 &
done
all_ended() {
    local actor
    for actor in "${actors[@]}"; do [ -s "status-$actor" ] || return; done
}
while ! is_over; do
    look_at_peak
    pause
done
# Each ends after the round that it began.
until all_ended; do
    [ "$SECONDS" -lt $((end + 120)) ] || fail 'an actor never ended' "$(ps -o pid,stat,args --ppid $$)"
    look_at_peak
    pause
done
for actor in "${actors[@]}"; do
    [ "$(<"status-$actor")" -eq 0 ] || fail "$actor failed" "$(tail -n 5 "said-$actor")"
done
still_run "$daemon"
dmfuse clear swapped
dmfuse resume swapped
same 'in the end' image "$(device swapped)"
dmfuse remove --retry swapped rewritten held stripes
# Garbage makes devices, too.
prints '' dmfuse remove_all
prints 'No devices found' dmfuse ls

# MARK: What is left

# FIGURE MORE: it is what it was before, or at most so much more.
comes_back_to() {
    local until=$((SECONDS + 20))
    while after[$1]=$(measure "$1") && [ "${after[$1]}" -gt $((before[$1] + $2)) ]; do
        [ "$SECONDS" -lt "$until" ] || fail "$1: before ${before[$1]}, after ${after[$1]}" \
            "$(ls -l "/proc/$daemon/fd")" "$(sed -n '/^Rss/p' "/proc/$daemon/status")"
        pause
    done
}
comes_back_to descriptors 0
comes_back_to threads "$most_threads"
comes_back_to RssAnon "$most_left"
note "$seconds s: $(for actor in rounds-*; do
    printf '%s %s, ' "${actor#rounds-}" "$(wc -l <"$actor")"
done | sed 's/, $//')"
for figure in "${figures[@]}"; do
    note "$figure: before ${before[$figure]}, at most ${peak[$figure]}, after ${after[$figure]}"
done
for actor in comes-and-goes swaps reads writes rewrites holds discards long-tables bad-clients; do
    [ -s "rounds-$actor" ] || fail "$actor never came to the end of a round"
done
unmount_here
