#!/usr/bin/env bash
# 64 direct writers of 1 MiB on a suspended device with a budget of 4 MiB: the rest of the bytes is in
# a file without a name, all arrive after resume, and the file's space is given back. Where no such
# file can be made, a write beyond the budget fails ENOMEM.
. "$(dirname "$0")/lib.sh"
mkdir spill
TMPDIR=$PWD/spill mount_here --held-memory 4
make_file a $((64 * 2048))
head -c 64M /dev/urandom >image
dmfuse create d --table "0 $((64 * 2048)) linear $PWD/a 0"
dmfuse suspend d
spilled() {
    local file
    for file in /proc/"$daemon"/fd/*; do
        [[ $(readlink "$file") != "$PWD/spill/"*"(deleted)" ]] || { echo "$file" && return; }
    done
    return 1
}
spilled_bytes() { stat -Lc %b "$(spilled)"; }
# MIB: the file holds so much.
has_spilled() { spilled >/dev/null && [ "$(stat -Lc %s "$(spilled)")" -ge $(($1 << 20)) ]; }
writers=()
for i in {0..63}; do
    # However slow the disk is, no more is on its way there than may be.
    [ "$i" -lt 12 ] || eventually "the spill file holds $((i - 11)) MiB" has_spilled $((i - 11))
    start dd if=image of="$(device d)" bs=1M skip="$i" seek="$i" count=1 oflag=direct \
        conv=notrunc status=none
    writers+=($!)
done
eventually 'the spill file holds 60 MiB' has_spilled 60
still_run "${writers[@]}"
dmfuse resume d
for writer in "${writers[@]}"; do ends_with 0 "$writer"; done
same 'what was held' image a
equal 'nothing left in the spill file' 0 "$(spilled_bytes)"
dmfuse remove d
unmount_here

mkdir gone
TMPDIR=$PWD/gone mount_here --held-memory 0
rmdir gone
dmfuse create d --table "0 2048 linear $PWD/a 0"
dmfuse suspend d
fails_like '*Cannot allocate memory' dd if=image of="$(device d)" bs=4k count=1 oflag=direct conv=notrunc
dmfuse resume d
dd if=image of="$(device d)" bs=4k count=1 oflag=direct conv=notrunc status=none
dmfuse remove d
unmount_here
