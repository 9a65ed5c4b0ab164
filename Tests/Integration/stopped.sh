#!/usr/bin/env bash
# Where a daemon is stopped no command waits for ever: each says so, and what to do. Nor does one that
# looks for the only mount.
# Takes: long
. "$(dirname "$0")/lib.sh"
mount_here
dmfuse create d --table '0 64 zero'
stopped=$mnt stopped_daemon=$daemon
mount_here
number=$(mounts_below "$stopped" | cut -d' ' -f1)
readonly advice="its daemon doesn't answer: let it go on, or end the mount by 'umount -f $stopped' (root) or 'echo 1 >/sys/fs/fuse/connections/$number/abort'"
bounded() { timeout -s KILL "$patience" "$DMFUSE" "$@"; }
is_stopped() { grep -q '^State:.T' "/proc/$1/status"; }
stop() {
    kill -STOP "$1"
    eventually 'it is stopped' is_stopped "$1"
}
stop "$stopped_daemon"
# One that is interrupted while it waits. (A background job of a shell ignores SIGINT; so SIGTERM.)
start "$DMFUSE" ls --dir "$stopped" 2>said
waiting=$!
eventually 'it waits' is_held "$waiting"
kill -TERM "$waiting"
ends_with 143 "$waiting"
# Each takes its ten seconds: all at once.
refusals=()
beside() {
    "$@" &
    refusals+=($!)
}
beside refuses "dmfuse: mount $stopped: Device or resource busy: $advice" bounded mount "$stopped"
beside refuses "dmfuse: ls: $stopped: Connection timed out: $advice" bounded ls --dir "$stopped"
beside refuses "dmfuse: create x: $stopped: Connection timed out: $advice" \
    bounded create x --dir "$stopped" --table '0 8 zero'
beside refuses "dmfuse: unmount $stopped: Connection timed out: $advice" \
    bounded unmount --force "$stopped"
beside refuses "dmfuse: trace $stopped: Connection timed out: $advice" bounded trace --dir "$stopped"
beside fails_like "dmfuse: run: $stopped: Connection timed out: $advice" \
    bounded run --dir "$stopped" -- true
beside fails_like 'dmfuse: ls: several dmfuse mounts: *' \
    env -u DM_DEV_DIR timeout -s KILL "$patience" "$DMFUSE" ls
for refusal in "${refusals[@]}"; do wait "$refusal"; done
prints 'No devices found' dmfuse ls

# It goes on as if nothing had been.
kill -CONT "$stopped_daemon"
prints d dmfuse info -c --noheadings -o name --dir "$stopped"
equal 'mounts there' 1 "$(mounts_below "$stopped" | wc -l)"

# The way out.
stop "$stopped_daemon"
is_root || {
    kill -CONT "$stopped_daemon"
    prints '' dmfuse unmount "$stopped"
    ends_with 0 "$stopped_daemon"
    unmount_here
    exit 0
}
# A file system that says it was mounted from there: nobody asks the daemon about that.
mkdir below
mount -t tmpfs -o size=1m "/dev/..$stopped/dm-7" below
make_file below/a 8
prints '' bounded create over --table "0 8 linear $PWD/below/a 0"
prints '' dmfuse remove over
umount below

umount -f "$stopped"
kill -CONT "$stopped_daemon"
ends_with 0 "$stopped_daemon"
here=$mnt here_daemon=$daemon
mount_at "$stopped"
unmount_here
mnt=$here daemon=$here_daemon DM_DEV_DIR=$here
unmount_here
