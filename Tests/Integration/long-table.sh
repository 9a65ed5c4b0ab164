#!/usr/bin/env bash
# A table of 100,000 lines is loaded, printed and read right.
. "$(dirname "$0")/lib.sh"
mount_here
count=100000
make_random a "$count"
elapsed() { awk -v s="$1" -v e="$EPOCHREALTIME" 'BEGIN { printf "%.2f s", e - s }'; }
# Sector by sector, backwards in blocks of two: line i shows sector i with its last bit turned.
awk -v n="$count" -v file="$PWD/a" \
    'BEGIN { for (i = 0; i < n; i++) print i, 1, "linear", file, i % 2 ? i - 1 : i + 1 }' >table
begin=$EPOCHREALTIME
dmfuse create long table
note "a table of $count lines created in $(elapsed "$begin")"
begin=$EPOCHREALTIME
dmfuse load long table
note "loaded again in $(elapsed "$begin")"
dmfuse resume long
equal 'lines printed' "$count" "$(dmfuse table long | wc -l)"
dmfuse table long >numbers
equal 'first line' '0 1 linear 1' "$(sed -n '1s/[0-9]*:[0-9]* //p' numbers)"
equal 'last line' "$((count - 1)) 1 linear $((count - 2))" "$(sed -n '$s/[0-9]*:[0-9]* //p' numbers)"
dmfuse create again numbers
same 'the printed table is the same table' numbers <(dmfuse table again)
dmfuse create short --table "0 $count linear $PWD/a 0"
prints "$count" eval "dmfuse info -c --noheadings -o segments long"

begin=$EPOCHREALTIME
dd if="$(device long)" of=read bs=1M status=none
note "its $((count / 2048)) MiB read in $(elapsed "$begin") by dd bs=1M"
begin=$EPOCHREALTIME
dd if="$(device short)" of=/dev/null bs=1M status=none
note "those of a table of one line in $(elapsed "$begin")"
# Turned once more, they are the file.
for from in 0 50000 99990; do
    same "sectors from $from" <(sectors a $((from + 1)) 1; sectors a "$from" 1) <(sectors read "$from" 2)
done
dmfuse create turned <<<"$(awk -v n="$count" -v file="$(device long)" \
    'BEGIN { for (i = 0; i < n; i++) print i, 1, "linear", file, i % 2 ? i - 1 : i + 1 }')"
same 'a long table over a long table' a "$(device turned)"
dmfuse remove turned long again short
unmount_here
