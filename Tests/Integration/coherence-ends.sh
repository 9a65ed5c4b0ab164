#!/usr/bin/env bash
# A device becomes longer and shorter, again and again, while others write to it: whoever was told the new
# size reads to the new end, by whatever way he asked and reads; and what lies behind the earlier end
# is what the table has there. Ends within one page, and elsewhere.
# Takes: long
. "$(dirname "$0")/lib.sh"
need_helper ends
mount_here
mkfifo questions answers
rounds=${ROUNDS:-$(tries 50)}
# FILE BYTE SECTORS: a backing file full of one byte.
make_full() { head -c $(($3 * 512)) /dev/zero | tr '\0' "\\$(printf %o "$2")" >"$1"; }
make_full large 8 64
asked() {
    local said
    echo "$1" >&8
    read -r -t "$patience" said <&9 || fail "no answer: $1"
    equal "$1" ok "$said"
}
# SECTORS
table() { echo "0 $1 linear $PWD/large 0"; }
# SMALL LARGE PART [mapping]: sectors, and so many times fewer rounds.
looks_at_the_end() {
    local small=$1 large=$2 said ends status=0
    make_full large 8 64
    dmfuse create d --table "$(table "$small")"
    "$helpers/ends" "$(device d)" $((small * 512)) $((large * 512)) 8 ${4:+"$4"} <questions >answers &
    ends=$!
    exec 8>questions 9<answers
    for ((round = 0; round < rounds / $3; round++)); do
        dmfuse load d --table "$(table "$large")"
        asked grow
        dmfuse resume d
        asked "at $((large * 512))"
        dmfuse load d --table "$(table "$small")"
        asked shrink
        dmfuse resume d
        asked "at $((small * 512))"
    done
    exec 8>&-
    said=$(cat <&9)
    exec 9<&-
    wait "$ends" || status=$?
    equal "$small to $large sectors${4:+ with a mapping}: $said" 0 "$status"
    note "$small to $large sectors${4:+ with a mapping}: $said"
    dmfuse remove --retry d
    equal "what lies behind the earlier end" "" "$(tail -c +$((small * 512 + 1)) large | tr -d "\010" | head -c 10 | od -An -tx1)"
}
# Within a page, over pages, from the end of one, and all that while the page with the end is written back.
looks_at_the_end 9 16 1
looks_at_the_end 9 40 4
looks_at_the_end 8 16 4
looks_at_the_end 9 16 10 mapping
looks_at_the_end 9 40 10 mapping
unmount_here
