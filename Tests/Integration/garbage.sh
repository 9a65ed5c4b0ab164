#!/usr/bin/env bash
# Clients that send garbage, lie about sizes, say nothing or die half-way cost the daemon nothing:
# it stays, small, and answers others meanwhile.
. "$(dirname "$0")/lib.sh"
need_helper garbage
mount_here
make_random a 64
dmfuse create d --table "0 64 linear $PWD/a 0"
peak() { sed -n 's/^VmHWM:\s*\([0-9]*\) kB/\1/p' "/proc/$daemon/status"; }
before=$(peak)

start "$helpers/garbage" "$mnt"
client=$!
while ! has_ended "$client"; do
    prints d soon "$DMFUSE" info -c --noheadings -o name d
    pause
done
wait "$client" || fail 'the client of garbage was not answered'
still_run "$daemon"
grown=$(($(peak) - before))
[ "$grown" -lt 65536 ] || fail "the daemon needed $grown kB for it"
note "the daemon's memory grew by $grown kB"
same 'the device' a "$(device d)"

# Clients that die in the middle of commands, at whatever point.
for _ in {1..50}; do
    start "$DMFUSE" load d --table "0 64 linear $PWD/a 0"
    kill -9 $! 2>/dev/null || true
done
head -c 4096 /dev/urandom | soon "$DMFUSE" load d >said 2>&1 && fail 'random bytes are a table'
dmfuse clear d
same 'the device' a "$(device d)"
eventually 'all connections are gone' eval '[ "$(clients)" -eq 0 ]'
prints '' dmfuse remove_all
unmount_here
