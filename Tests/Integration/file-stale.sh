#!/usr/bin/env bash
# A name or number that was given to another device leads to the new one at once; who comes with the
# old one, finds ESTALE or nothing, never the new one's data.
. "$(dirname "$0")/lib.sh"
need_helper stale
mount_here
make_random a 64
make_random b 64
for round in {1..100}; do
    dmfuse create d --table "0 64 linear $PWD/a 0"
    same "round $round: a" a "$(device d)"
    dmfuse remove d
    dmfuse create d --table "0 64 linear $PWD/b 0"
    same "round $round: b" b "$(device d)"
    dmfuse remove d
    [ ! -e "$(device d)" ] || fail "round $round: the device is still there"
done

# Found before, and opened when it is gone: also when another device has its number.
dmfuse create d --table "0 64 linear $PWD/a 0"
major=$(dmfuse info -c --noheadings -o major d)
stale=$'open: Stale file handle\nstat: Stale file handle'
prints "$stale" "$helpers/stale" "$(device d)" "'$DMFUSE' remove d"
dmfuse create d --major "$major" --minor 7 --table "0 64 linear $PWD/a 0"
again="'$DMFUSE' remove d && '$DMFUSE' create e --major $major --minor 7 --table '0 64 linear $PWD/b 0'"
prints "$stale" "$helpers/stale" "$mnt/dm-7" "$again"
same 'the new device' b "$mnt/dm-7"
dmfuse remove e

# Cached pages don't outlive the last close.
dmfuse create d --table "0 64 linear $PWD/a 0"
same 'first read' a "$(device d)"
cp b a.new && cat a.new >a
same 'what changed below meanwhile' b "$(device d)"

# In a directory of the mount, by relative paths, the same is true.
cd "$mnt/mapper"
dmfuse rename d e
same 'by its new name' "$test_directory/b" e
[ ! -e d ] || fail 'the old name still leads somewhere'
cd "$test_directory"
unmount_here
