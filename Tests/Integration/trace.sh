#!/usr/bin/env bash
# The trace of what is allocated, registered, removed and freed: `mount --trace lifecycle` and
# `dmfuse trace`.
. "$(dirname "$0")/lib.sh"

# Without it there is one line that says so.
mount_here
refuses "dmfuse: trace $mnt: Operation not supported: lifecycle events are not traced: mount with \
--trace lifecycle" dmfuse trace
unmount_here
fails_like 'dmfuse: mount: *lifecyle*' dmfuse mount "$mnt" --trace lifecyle

mount_here --trace lifecycle
make_file a 4096
# [OPTION...]: step, object, event and table of each line but the first.
events() { dmfuse trace "$@" | sed 1d | awk '{
    event = ""
    for (i = 5; i <= NF - 4; i++) event = event (event ? " " : "") $i
    print $2, $3, $4, event, $(NF - 1)
}'; }

prints 'SEQUENCE  STEP       OBJECT EVENT            MINOR   GENERATION TABLE   THREAD' dmfuse trace
dmfuse create one --table "0 1024 linear $PWD/a 0"
dmfuse load one --table '0 1024 zero'
dd if=/dev/zero of="$(device one)" bs=4k count=4 conv=notrunc,fsync status=none
prints "register 1 minor allocated -
register 1 hc allocated -
register 1 queue allocated -
register 1 disk allocated -
register 1 md allocated -
register 2 md to disk -
register 3 disk registered -
register 4 md to hc -
register 5 hc to list -
register 6 table allocated 1
register 6 table loaded 1
register 7 table bound 1
register 6 table allocated 2
register 6 table loaded 2" events

# --dir names the mount as elsewhere.
DM_DEV_DIR='' events --dir "$mnt" >by-dir
events >by-environment
same "--dir and DM_DEV_DIR name the same mount" by-dir by-environment

# Removing, in the seed's order: 3, 4, 6, 1, 2, 5, 7. The last references may go a moment later.
dmfuse remove one
all_is_freed() { [ "$(events | grep -c '^remove 7')" -eq 7 ]; }
eventually "all of the device is freed" all_is_freed
prints "3 hc out of list
4 md from hc
6 md from disk
1 md closed to tables
1 table unbound
1 table unbound
2 table freed
2 table freed
5 disk unregistered" eval "events | sed -n 's/^remove \([1-6] .*\) [-0-9]*\$/\1/p'"
prints "disk freed
hc freed
md freed
minor freed
queue freed
table memory freed
table memory freed" eval "events | sed -n 's/^remove 7 \(.*\) [-0-9]*\$/\1/p' | sort"
equal "no table is freed by a thread that serves I/O" control \
    "$(dmfuse trace | awk '$4 == "table" && $5 == "freed" { print $NF }' | sort -u)"

# Deferred removal is done by a thread of its own.
dmfuse create two --table "0 1024 linear $PWD/a 0"
hold_open "$(device two)"
holder=$!
dmfuse remove --deferred two
let_go "$holder"
removed_by_its_thread() {
    dmfuse trace | awk '$4 == "table" && $5 == "freed" { print $NF }' | grep -qx removal
}
eventually "the deferred removal frees its table" removed_by_its_thread

# More than fits in the client's first buffer, all in order and without a gap.
for round in {1..40}; do
    dmfuse create "d$round" --table '0 8 zero'
    dmfuse remove "d$round"
done
dmfuse trace | awk '
    NR == 1 { next }
    $1 != NR - 2 { print "line " NR " has number " $1; bad = 1 }
    END { if (NR < 800) { print NR " lines"; bad = 1 } exit bad }' ||
    fail "the trace has gaps, or is short"
unmount_here
fails_like "dmfuse: trace $mnt: No such file or directory: no dmfuse is mounted there" \
    dmfuse trace --dir "$mnt"
