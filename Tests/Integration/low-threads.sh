#!/usr/bin/env bash
# As: user
# A daemon that gets no more threads (RLIMIT_NPROC, which root is free of): requests to devices go on
# with those that it has, and a client for whom there is none is told. One that can't have what it
# starts with says so and leaves nothing behind.
. "$(dirname "$0")/lib.sh"
need_command prlimit
mount_here
make_random a 65536
make_file b 65536
for name in a b; do dmfuse create "$name" --table "0 65536 linear $PWD/$name 0"; done
{ for ((i = 0; i < 64; i++)); do
    echo "$((i * 1024)) 512 linear $PWD/b $((i * 1024))"
    echo "$((i * 1024 + 512)) 512 linear $PWD/a $((i * 1024 + 512))"
done; } >table
dmfuse create both table
hard=$(prlimit --pid "$daemon" --nproc --output HARD --noheadings | tr -d ' ')
prlimit --pid "$daemon" --nproc="1:$hard"
for _ in 1 2 3; do fails_like 'dmfuse: ls: *: Resource temporarily unavailable' "$DMFUSE" ls; done
processes=()
for i in {0..31}; do
    start dd if="$(device a)" of="$(device b)" bs=1M skip="$i" seek="$i" count=1 iflag=direct \
        oflag=direct conv=notrunc,fsync status=none
    processes+=($!)
done
for process in "${processes[@]}"; do ends_with 0 "$process"; done
same 'what was copied' a b
same 'from two files' a <(dd if="$(device both)" bs=1M iflag=direct status=none)
# No thread to drop the cache: it stays.
! command -v blockdev >/dev/null || blockdev --flushbufs "$(device a)"
fallocate -p -n -o 0 -l 1M "$(device b)"
zeros 'a hole' b 0 2048
prlimit --pid "$daemon" --nproc="$hard:$hard"
prints 3 eval 'dmfuse ls | wc -l'
dmfuse remove_all
unmount_here

# No process to be had for fusermount3: the end waits for one.
mkdir waits
"$DMFUSE" mount --foreground waits >said 2>&1 &
daemon=$!
eventually 'it serves' is_mounted "$PWD/waits"
prlimit --pid "$daemon" --nproc="1:$hard"
kill "$daemon"
for _ in {1..10}; do
    ! has_ended "$daemon" || fail 'it ended, and left its mount' "$(<said)"
    pause
done
prlimit --pid "$daemon" --nproc="$hard:$hard"
ends_with 0 "$daemon"
! is_mounted "$PWD/waits" || fail 'a mount was left behind'

# As few as there may be, and more: whatever is needed for a mount and a first command.
mkdir little
refused=0 served=0
others=$(ps -L -o lwp= -u "$(id -u)" | wc -l)
for more in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 16 20 40; do
    (ulimit -Su $((others + more)) && exec "$DMFUSE" mount --foreground little) >said 2>&1 &
    daemon=$!
    answers() { has_ended "$daemon" || DM_DEV_DIR=$PWD/little "$DMFUSE" ls >/dev/null 2>answer; }
    # One for whose clients there is no thread says so, and is ended by hand.
    lacks_threads() { [[ $(<answer) == *'Resource temporarily unavailable'* ]]; }
    : >answer
    eventually 'it answers or ends' eval 'answers || lacks_threads'
    if lacks_threads && ! has_ended "$daemon"; then
        prlimit --pid "$daemon" --nproc="$hard:$hard"
        kill "$daemon"
        eventually 'it ends' has_ended "$daemon"
    fi
    if has_ended "$daemon"; then
        wait "$daemon" && continue
        refused=$((refused + 1))
        equal "what it says with $more threads" 1 "$(wc -l <said)"
        [[ $(<said) == 'dmfuse: mount '*': Resource temporarily unavailable'* ]] ||
            fail "what it says with $more threads" "$(<said)"
    else
        served=$((served + 1))
        # fusermount3 is a process, too.
        prlimit --pid "$daemon" --nproc="$hard:$hard"
        DM_DEV_DIR=$PWD/little "$DMFUSE" unmount little
        ends_with 0 "$daemon"
    fi
    ! is_mounted "$PWD/little" || fail "a mount was left behind with $more threads"
done
note "of 18 limits $refused were too low to start, $served were enough"
