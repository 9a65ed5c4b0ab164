#!/usr/bin/env bash
# BLKFLSBUF waits for a page whose read is held, on a thread of the daemon's: 64 do at most, one more is
# EAGAIN, and all are done when the device resumes.
. "$(dirname "$0")/lib.sh"
need_command blockdev
mount_here
make_random a 2048
dmfuse create d --table "0 2048 linear $PWD/a 0"
blockdev --flushbufs "$(device d)"
dmfuse suspend d
start dd if="$(device d)" of=cached bs=4k count=1 status=none
reader=$!
eventually 'the read is held' is_held "$reader" 0
flushers=()
for i in {0..79}; do
    start blockdev --flushbufs "$(device d)" 2>"said-$i"
    flushers+=($!)
done
count_refused() { { grep -l 'Resource temporarily unavailable' said-* || true; } | wc -l; }
the_rest_is_refused() { [ "$(count_refused)" -eq 16 ]; }
eventually '16 are refused' the_rest_is_refused
same 'the mount goes on' <(dmfuse info -c --noheadings -o name) <(echo d)
dmfuse resume d
ends_with 0 "$reader"
same 'what was held' cached <(head -c 4k a)
done=0
for flusher in "${flushers[@]}"; do ! wait "$flusher" || done=$((done + 1)); done
equal 'done' 64 "$done"
blockdev --flushbufs "$(device d)"
unmount_here
