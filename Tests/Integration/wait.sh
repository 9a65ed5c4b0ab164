#!/usr/bin/env bash
# `wait` returns when the device's event number moves, at once if it has moved already; commands that
# wait end by a signal, and in no way hold up others.
. "$(dirname "$0")/lib.sh"
mount_here
make_random a 64
dmfuse create d --table "0 64 linear $PWD/a 0"
start "$DMFUSE" wait d
waiter=$!
eventually 'it waits' is_served "$waiter"
dmfuse suspend d
dmfuse load d --table "0 32 linear $PWD/a 0"
dmfuse resume d
still_run "$waiter"
prints '' dmfuse rename d e
ends_with 0 "$waiter"
prints 1 dmfuse info -c --noheadings -o events e
prints '' soon "$DMFUSE" wait e 0
# Removal is an event, too.
start "$DMFUSE" wait e 1
waiter=$!
eventually 'it waits' is_served "$waiter"
dmfuse remove e
eventually 'the wait for a removed device ends' has_ended "$waiter"

# 200 at once, each waiting; then all given up.
dmfuse create d --table "0 64 linear $PWD/a 0"
waiters=()
for _ in {1..200}; do
    start "$DMFUSE" wait d
    waiters+=($!)
done
all_wait() {
    local process
    for process in "${waiters[@]}"; do is_held "$process" || return; done
    is_served "${waiters[0]}" "${#waiters[@]}"
}
eventually 'all of them wait' all_wait
prints d soon "$DMFUSE" info -c --noheadings -o name
same 'the device' a "$(device d)"
kill "${waiters[@]}"
for process in "${waiters[@]}"; do eventually "process $process ends" has_ended "$process"; done
prints '' dmfuse remove d
unmount_here
