#!/usr/bin/env bash
# BLKFLSBUF waits for a page whose read is held, on one thread of the daemon's for each device, however
# many ask; of 64 devices at most, one more is EAGAIN. All are done when the device resumes, is removed by
# force or the mount ends. Where nothing is held it answers at once, and who waits for it can be ended.
. "$(dirname "$0")/lib.sh"
need_command blockdev
mount_here
make_random a 2048
dmfuse create d --table "0 2048 linear $PWD/a 0"
blockdev --flushbufs "$(device d)"
dmfuse suspend d
soon blockdev --flushbufs "$(device d)" || fail 'a suspended device that holds nothing'
read_held() {
    start dd if="$(device d)" of=cached bs=4k count=1 status=none 2>said
    reader=$!
    eventually 'the read is held' is_held "$reader" 0
}
flush_held() {
    start blockdev --flushbufs "$(device d)" 2>flush-said
    flusher=$!
    eventually 'the flush is held' is_held "$flusher" 3
}
read_held

threads() { grep -c dmfuse-cache /proc/"$daemon"/task/*/comm | awk -F: '{ sum += $2 } END { print sum }'; }
no_threads() { [ "$(threads)" -eq 0 ]; }

# Who is asked to end, does, and nothing of it stays.
for signal in TERM HUP KILL; do
    flush_held
    kill -"$signal" "$flusher"
    ends_with $((128 + $(kill -l "$signal"))) "$flusher"
done
eventually 'no thread is left' no_threads
still_run "$reader"
flushers=()
for i in {1..80}; do
    flush_held
    flushers+=("$flusher")
done
equal 'threads for 80 that asked' 1 "$(threads)"
dmfuse resume d
ends_with 0 "$reader"
same 'what was held' cached <(head -c 4k a)
for flusher in "${flushers[@]}"; do ends_with 0 "$flusher"; done
eventually 'its thread ends' no_threads
blockdev --flushbufs "$(device d)"

# Many devices.
names=()
for i in {1..65}; do
    names+=("many-$i")
    dmfuse create "many-$i" --table '0 8 zero'
    dmfuse suspend "many-$i"
    start dd if="$(device "many-$i")" of=/dev/null bs=4k count=1 status=none
    reader=$!
    eventually 'the read is held' is_held "$reader" 0
    [ "$i" -lt 65 ] || break
    start blockdev --flushbufs "$(device "many-$i")"
    flusher=$!
    eventually 'the flush is held' is_held "$flusher" 3
done
equal 'threads for 64 devices' 64 "$(threads)"
fails_like '*Resource temporarily unavailable' blockdev --flushbufs "$(device many-65)"
for name in "${names[@]}"; do dmfuse resume "$name"; done
eventually 'their threads end' no_threads
for name in "${names[@]}"; do dmfuse remove --retry "$name"; done

# A device that goes, and a mount that ends.
dmfuse suspend d
blockdev --flushbufs "$(device d)"
read_held
flush_held
dmfuse remove --force --retry d
ends_with 1 "$reader"
eventually 'the flush ends' has_ended "$flusher"
wait "$flusher" || true
dmfuse create d --table "0 2048 linear $PWD/a 0"
dmfuse suspend d
read_held
flush_held
dmfuse unmount --force "$mnt"
ends_with 0 "$daemon"
ends_with 1 "$reader"
eventually 'the flush ends' has_ended "$flusher"
wait "$flusher" || true

# A daemon that is killed: with a thread of its own waiting in the kernel it could not end.
mount_here
dmfuse create d --table "0 2048 linear $PWD/a 0"
dmfuse suspend d
read_held
flush_held
kill -9 "$daemon"
ends_with 137 "$daemon"
ends_with 1 "$reader"
eventually 'the flush ends' has_ended "$flusher"
wait "$flusher" || true
fails_like '*not connected' stat -f "$mnt"
