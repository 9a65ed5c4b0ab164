#!/usr/bin/env bash
# A backing file that answers nobody for a while: the file of a suspended device of another mount.
# 150 requests to it take a few threads, and the other devices and all commands go on; then each
# reader gets its bytes. DMFUSE_SLOW_SECONDS=60 keeps it so for a minute.
. "$(dirname "$0")/lib.sh"
need_command ps
on() { DM_DEV_DIR=$1 "$DMFUSE" "${@:2}"; }
make_random a 32768
cp a copy
make_random other 1024
make_random patch 128
mount_here
lower=$mnt lower_daemon=$daemon
on "$lower" create below --table "0 32768 linear $PWD/a 0"
mount_here
dmfuse create slow --table "0 32768 linear $lower/mapper/below 0"
dmfuse create delayed --table "0 32768 delay $lower/mapper/below 0 1"
dmfuse create other --table "0 1024 linear $PWD/other 0"
dmfuse create other-delayed --table "0 1024 delay $PWD/other 0 1"
threads() { find "/proc/$daemon/task" -mindepth 1 -maxdepth 1 | wc -l; }
note "threads of the daemon: $(threads) at first"
on "$lower" suspend below

# The cached one first: an open for the cache waits for direct writes that are under way.
start dd if="$(device slow)" of=cached bs=64k skip=200 count=1 status=none
waiting=($!)
eventually 'the cached read is under way' is_held "${waiting[0]}" 0
for i in {0..127}; do
    start dd if="$(device slow)" of="read-$i" bs=64k skip="$i" count=1 iflag=direct status=none
    waiting+=($!)
done
for i in {0..15}; do
    start dd if=patch of="$(device slow)" bs=64k seek=$((128 + i)) oflag=direct conv=notrunc,fsync \
        status=none
    waiting+=($!)
done
for i in {0..3}; do
    start dd if="$(device delayed)" of="late-$i" bs=64k skip="$i" count=1 iflag=direct status=none
    waiting+=($!)
done
# All of them have the device open, as input or output, and sleep.
all_wait() {
    [ "$(ps -o stat= -p "$(IFS=, && echo "${waiting[*]}")" | grep -c '^[SD]')" -eq ${#waiting[@]} ] &&
        [ "$(for w in "${waiting[@]}"; do printf '/proc/%s/fd/%s\n' "$w" 0 "$w" 1; done |
            xargs readlink | grep -c '/dm-')" -eq ${#waiting[@]} ]
}
eventually 'all requests are under way' all_wait

# One round of what others do meanwhile.
others_go_on() {
    local command
    soon cmp other "$(device other)" || fail 'another device waits for the slow one'
    soon dd if="$(device other-delayed)" bs=64k count=1 iflag=direct status=none |
        cmp - <(head -c 64k other) || fail 'another delay waits for the slow one'
    soon dd if=other of="$(device other)" bs=64k conv=notrunc,fsync status=none ||
        fail 'another device waits for the slow one'
    for command in ls 'info slow' status 'table slow' deps 'suspend --noflush other' 'resume other' \
        'suspend other' 'resume other' 'load slow --table "0 32768 zero"' 'clear slow' \
        "create one --table '0 8 linear $PWD/other 0'" 'remove one' 'rename slow fast' \
        'rename fast slow'; do
        soon bash -c "\"$DMFUSE\" $command" >stdout || fail "no answer: $command"
    done
}
begin=$SECONDS rounds=0
while [ "$rounds" -lt 3 ] || [ $((SECONDS - begin)) -lt "${DMFUSE_SLOW_SECONDS:-0}" ]; do
    others_go_on
    rounds=$((rounds + 1))
done
[ "$(threads)" -le 32 ] || fail "$(threads) threads"
note "threads of the daemon: $(threads) with ${#waiting[@]} requests waiting for $((SECONDS - begin)) s"
still_run "${waiting[@]}"
fails_like 'dmfuse: remove slow: Device or resource busy*' soon "$DMFUSE" remove slow
# A suspend waits for what is under way, and can be interrupted.
start "$DMFUSE" suspend --noflush slow
suspender=$!
eventually 'the suspend waits' is_served "$suspender"
kill "$suspender"
ends_with 143 "$suspender"
is_active() { [ "$(dmfuse info -c --noheadings -o suspended slow)" = Active ]; }
eventually 'the suspend is undone' is_active
others_go_on

on "$lower" resume below
for w in "${waiting[@]}"; do ends_with 0 "$w"; done
for i in {0..127}; do same "read $i" "read-$i" <(sectors copy $((i * 128)) 128); done
for i in {0..15}; do same "write $i" patch <(sectors a $(((128 + i) * 128)) 128); done
for i in {0..3}; do same "delayed read $i" "late-$i" <(sectors copy $((i * 128)) 128); done
same 'the cached read' cached <(sectors copy $((200 * 128)) 128)
unmount_here
mnt=$lower daemon=$lower_daemon DM_DEV_DIR=$lower
unmount_here
