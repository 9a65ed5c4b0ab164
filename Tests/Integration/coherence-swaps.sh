#!/usr/bin/env bash
# Openers of all kinds look at a device while its table is exchanged, again and again: as soon as a
# resume has returned, none of them finds anything of the table before; and what is written meanwhile,
# cached, direct or through a mapping, is what the others read, and is there in the next table's copy.
. "$(dirname "$0")/lib.sh"
need_command blockdev
need_helper stamps
seconds=${SECONDS_EACH:-4}
mount_here
pages=256
sectors=$((pages * 8))

"$helpers/stamps" fill a "$pages" 1
"$helpers/stamps" fill b "$pages" 1
make_file half "$sectors"
make_file other-half "$sectors"
linear() { echo "0 $sectors linear $PWD/$1 0"; }
dmfuse create d --table "$(linear a)"
mkfifo numbers answers

# A page that is dropped while a write of it is held, and read again before that takes effect: whoever
# reads it when the write is done finds the write.
dmfuse create slow --table '0 8 zero'
cp a a.ones
hold_open "$(device slow)"
holder=$!
head -c 4096 /dev/zero | tr '\0' '\7' >seven
first_byte() { od -An -tu1 -j "$at" -N 1 "$(device slow)" | tr -d ' '; }
# MILLISECONDS: a round with a write that is held for so long. Whether that was long enough for the page
# to be read again before the write took effect.
is_read_again() {
    local is_again=no writer flush
    cat a.ones >a
    dmfuse load slow --table "0 $sectors delay $PWD/a 0 0 $PWD/a 0 $1"
    dmfuse resume slow
    prints 1 first_byte
    start dd if=seven of="$(device slow)" bs=4k seek=$at oflag=seek_bytes conv=notrunc status=none
    writer=$!
    eventually 'the page is changed' eval '[ "$(first_byte)" = 7 ]'
    start blockdev --flushbufs "$(device slow)"
    flush=$!
    until has_ended "$writer"; do
        if [ "$(first_byte)" = 1 ] && ! has_ended "$writer"; then is_again=yes && break; fi
        pause
    done
    ends_with 0 "$writer"
    prints 7 first_byte
    ends_with 0 "$flush"
    [ $is_again = yes ]
}
# A page as a whole; and parts of two, which were read before.
for at in 12288 33280; do
    held=1500
    until is_read_again "$held"; do
        held=$((held * 2))
        [ "$held" -lt 60000 ] || fail 'the page was not dropped, or not read again, while a write is held'
    done
done
cat a.ones >a
let_go "$holder"
dmfuse remove --retry slow

# MODE: starts the openers.
begin() {
    "$helpers/stamps" "$1" "$(device d)" <numbers >answers &
    openers=$!
    exec 8>numbers 9<answers
}
# What they found at their end.
finish() {
    local said
    still_run "$openers"
    exec 8>&-
    said=$(cat <&9)
    exec 9<&-
    wait "$openers" || fail 'a stale byte was read' "$said"
    note "$1: $swaps swaps, $said"
}
goes_on() { [ "$SECONDS" -lt "$end" ] && ! has_ended "$openers"; }

# Each table has other bytes: a higher number in each sector.
begin read
number=1 swaps=0 end=$((SECONDS + seconds))
while goes_on; do
    for file in b a; do
        number=$((number + 1))
        "$helpers/stamps" fill "$file" "$pages" "$number"
        dmfuse load d --table "$(linear "$file")"
        # As often as not with a suspend before it, or one that leaves dirty pages.
        case $((number / 2 % 3)) in
            0) dmfuse suspend d ;;
            1) dmfuse suspend --nolockfs d ;;
        esac
        dmfuse resume d
        echo "$number" >&8
        read -r -t "$patience" said <&9 || fail 'the openers have ended'
        equal 'the openers' ok "$said"
        swaps=$((swaps + 1))
    done
done
finish 'other bytes'

# Each table is a copy of the one before, of another kind.
striped="0 $sectors striped 2 16 $PWD/half 0 $PWD/other-half 8"
dmfuse create copy --table "$striped"
begin write
swaps=0 end=$((SECONDS + seconds))
while goes_on; do
    for kind in striped linear; do
        dmfuse suspend d
        if [ $kind = striped ]; then
            dd if=a of="$(device copy)" bs=64k oflag=direct conv=notrunc status=none
            dmfuse load d --table "$striped"
        else
            dd if="$(device copy)" of=a bs=64k iflag=direct conv=notrunc status=none
            dmfuse load d --table "$(linear a)"
        fi
        dmfuse resume d
        swaps=$((swaps + 1))
    done
done
finish 'the same bytes'
dmfuse remove --retry d copy
unmount_here
