#!/usr/bin/env bash
# A daemon that is stopped: commands say so in one line, and can be interrupted before.
. "$(dirname "$0")/lib.sh"
mount_here
dmfuse create d --table '0 8 zero'
is_stopped() { grep -q '^State:.T' "/proc/$daemon/status"; }
# Whatever ends the test before the daemon goes on is a failure of it.
trap 'kill -CONT "$daemon"; false || at_end' EXIT
kill -STOP "$daemon"
eventually 'the daemon is stopped' is_stopped
# One that is interrupted while it waits. (A background job of a shell ignores SIGINT; so SIGTERM.)
"$DMFUSE" ls >said 2>&1 &
waiting=$!
eventually 'it waits' is_held "$waiting"
kill -TERM "$waiting"
ends_with 143 "$waiting"
refuses "dmfuse: ls: $mnt: Connection timed out: its daemon doesn't answer: it is stopped, or has too much to do" \
    timeout 100 "$DMFUSE" ls
refuses "dmfuse: unmount $mnt: Connection timed out: its daemon doesn't answer: it is stopped, or has too much to do" \
    timeout 100 "$DMFUSE" unmount "$mnt"
kill -CONT "$daemon"
trap at_end EXIT
prints 'd' dmfuse info -c --noheadings -o name
dmfuse remove d
unmount_here
