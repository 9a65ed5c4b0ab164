#!/usr/bin/env bash
# Readers and writers go on while a device's table is exchanged for another of the same bytes, again
# and again, and while others are created and removed: no error, no wrong byte.
. "$(dirname "$0")/lib.sh"
mount_here
size=16384
make_random image "$size"
# The same bytes in three ways: in one file, in two halves, through a striped device below.
cp image whole
make_file first "$size"
make_file s0 "$size"
make_file s1 "$size"
dmfuse create below --table "0 $size striped 2 24 $PWD/s0 0 $PWD/s1 5" 2>/dev/null ||
    dmfuse create below --table "0 $size striped 2 16 $PWD/s0 0 $PWD/s1 5"
dd if=image of="$(device below)" bs=1M conv=notrunc status=none
tables=(
    "0 $size linear $PWD/whole 0"
    "0 $size linear $(device below) 0"
    "0 5000 linear $PWD/whole 0
5000 $((size - 5000)) linear $(device below) 5000"
)
dmfuse create d --table "${tables[0]}"
reader() { # FLAG
    local round
    for round in {1..15}; do
        dd if="$(device d)" bs=24k ${1:+iflag=$1} status=none | cmp - image || return 1
    done
}
start reader ''
readers=($!)
start reader direct
readers+=($!)
# A writer of the bytes that are there already, so that any table is right.
writer() {
    local round
    for round in {1..15}; do
        dd if=image of="$(device d)" bs=40k oflag=direct conv=notrunc status=none || return 1
    done
}
start writer
readers+=($!)
swaps=0
while ! { has_ended "${readers[0]}" && has_ended "${readers[1]}" && has_ended "${readers[2]}"; }; do
    dmfuse load d --table "${tables[swaps % 3]}"
    dmfuse resume d
    dmfuse create other --table "0 8 linear $(device d) 0"
    dmfuse remove other
    swaps=$((swaps + 1))
done
for process in "${readers[@]}"; do ends_with 0 "$process"; done
note "$swaps swaps"
same 'afterwards' image "$(device d)"
dmfuse remove d below
unmount_here
