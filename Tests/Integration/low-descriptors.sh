#!/usr/bin/env bash
# A daemon that may open few files: a table that needs one more is refused with EMFILE, what is there
# goes on, and when something is closed there is room again.
. "$(dirname "$0")/lib.sh"
ulimit -n 48
mount_here
for i in {1..60}; do
    make_file "f$i" 8
    echo "$i" | dd of="f$i" conv=notrunc status=none
done
made=0
for i in {1..60}; do
    "$DMFUSE" create "d$i" --table "0 8 linear $PWD/f$i 0" 2>said || break
    made=$i
done
[ "$made" -ge 10 ] && [ "$made" -lt 60 ] || fail "$made files could be opened with 48 descriptors" "$(<said)"
[[ $(<said) == *'Too many open files'* ]] || fail 'another reason' "$(<said)"
prints "$made" eval 'dmfuse ls | wc -l'
for i in 1 "$made"; do prints "$i" head -n 1 "$(device "d$i")"; done
# What needs no other file goes, and clients are served.
dmfuse load d1 --table '0 8 zero'
dmfuse resume d1
zeros 'the new table' "$(device d1)" 0 8
# Its file was closed.
dmfuse create more --table "0 8 linear $PWD/f60 0"
prints 60 head -n 1 "$(device more)"
dmfuse remove_all
unmount_here

# One that has too few to begin with mounts nothing, however far it gets.
mkdir few
for count in {6..40}; do
    if (ulimit -n "$count" && exec "$DMFUSE" mount "$PWD/few") 2>said; then break; fi
    equal "mounts left by a daemon with $count descriptors" '' "$(mounts_below "$PWD/few")"
done
[ "$count" -lt 40 ] || fail 'it never began' "$(<said)"
[ "$count" -gt 6 ] || fail 'nothing was refused'
# The first that has enough for that has none to spare for an unmount.
daemon=$(basename "$(readlink few/mapper/control)" .control)
kill -KILL "$daemon"
eventually 'it ends' has_ended "$daemon"
prints '' dmfuse unmount few
equal 'mounts left' '' "$(mounts_below "$PWD/few")"
