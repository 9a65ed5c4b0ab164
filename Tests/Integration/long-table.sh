#!/usr/bin/env bash
# A table of 100,000 lines is loaded, printed and read right, and about as fast as a short one.
. "$(dirname "$0")/lib.sh"
mount_here
count=100000
make_random a $((count * 8))
elapsed() { awk -v s="$1" -v e="$EPOCHREALTIME" 'BEGIN { printf "%.2f s", e - s }'; }
# Pages of a file, each two of them exchanged.
exchanged() {
    awk -v n="$count" -v file="$1" \
        'BEGIN { for (i = 0; i < n; i++) print i * 8, 8, "linear", file, (i % 2 ? i - 1 : i + 1) * 8 }'
}
exchanged "$PWD/a" >table
begin=$EPOCHREALTIME
dmfuse create long table
note "a table of $count lines created in $(elapsed "$begin")"
begin=$EPOCHREALTIME
dmfuse load long table
note "another one loaded in $(elapsed "$begin")"
dmfuse resume long
prints "$count" dmfuse info -c --noheadings -o segments long
dmfuse table long >numbers
equal 'lines printed' "$count" "$(wc -l <numbers)"
equal 'first line' '0 8 linear 8' "$(sed -n '1s/[0-9]*:[0-9]* //p' numbers)"
equal 'last line' "$((count * 8 - 8)) 8 linear $((count * 8 - 16))" \
    "$(sed -n '$s/[0-9]*:[0-9]* //p' numbers)"
dmfuse create again numbers
same 'the printed table makes the same table' numbers <(dmfuse table again)

dmfuse create short --table "0 $((count * 8)) linear $PWD/a 0"
for device in long short; do
    begin=$EPOCHREALTIME
    dd if="$(device $device)" of=/dev/null bs=4k count=20000 iflag=direct status=none
    note "20,000 direct reads of a page of the $device table: $(elapsed "$begin")"
done
for page in 0 2 49998 99998; do
    same "pages from $page" <(sectors a $((page * 8 + 8)) 8; sectors a $((page * 8)) 8) \
        <(dd if="$(device long)" bs=4k skip="$page" count=2 status=none)
done
# Exchanged once more, they are the file: long tables on one another.
exchanged "$(device long)" | dmfuse create back
same 'a long table over a long table' a "$(device back)"
dmfuse remove back long again short
unmount_here
