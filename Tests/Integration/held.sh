#!/usr/bin/env bash
# 64 direct and 64 cached readers on one suspended device, and a writer on each of 64 more, leave
# every other device, cached and direct, and the control socket answering; then all of them end.
. "$(dirname "$0")/lib.sh"
mount_here
size=256
make_random lower 4096
make_random other 4096
make_random patch 8
dmfuse create suspended --table "0 4096 linear $PWD/lower 0"
dmfuse create other --table "0 4096 linear $PWD/other 0"
for i in {1..64}; do
    make_file "w$i" "$size"
    dmfuse create "w$i" --table "0 $size linear $PWD/w$i 0"
    dmfuse suspend "w$i"
done
dmfuse suspend suspended

waiting=() writers=()
# Each reads another page, so that no reader is served by another's.
for i in {0..63}; do
    start dd if="$(device suspended)" of="d$i" bs=4k skip="$i" count=1 iflag=direct status=none
    waiting+=($!)
    start dd if="$(device suspended)" of="c$i" bs=4k skip=$((i + 64)) count=1 status=none
    waiting+=($!)
done
for i in {1..64}; do
    start dd if=patch of="$(device "w$i")" bs=4k conv=notrunc,fsync status=none
    writers+=($!)
done
all_held() {
    local process
    for process in "${waiting[@]}"; do is_held "$process" 0 || return; done
    for process in "${writers[@]}"; do is_held "$process" 1 || return; done
}
eventually 'all readers and writers are held' all_held

# The others.
answers() { soon "$@" || fail "no answer: $*"; }
answers dd if="$(device other)" of=read bs=64k status=none
same 'a cached read of another device' other read
answers dd if="$(device other)" of=read bs=64k iflag=direct status=none
same 'a direct read of another device' other read
answers dd if=patch of="$(device other)" bs=4k conv=notrunc,fsync status=none
answers dd if=patch of="$(device other)" bs=4k seek=1 oflag=direct conv=notrunc status=none
same 'the writes arrived' <(sectors patch 0 8; sectors patch 0 8) <(sectors other 0 16)
answers "$DMFUSE" create new --table "0 8 linear $PWD/other 0"
answers dd if="$(device new)" of=read bs=4k status=none
same 'a new device' patch read
answers "$DMFUSE" remove new
answers "$DMFUSE" remove other
answers "$DMFUSE" suspend suspended
answers "$DMFUSE" table suspended >table
answers ls -l "$mnt/mapper" >listing
equal 'devices listed' 65 "$(grep -c -- '->.*dm-' listing)"
answers "$DMFUSE" info -c --noheadings -o name >listing
equal 'devices of info' 65 "$(wc -l <listing)"
still_run "${waiting[@]}" "${writers[@]}"

prints '' dmfuse resume suspended
for process in "${waiting[@]}"; do ends_with 0 "$process"; done
for i in {0..63}; do
    same "direct reader $i" "d$i" <(sectors lower $((i * 8)) 8)
    same "cached reader $i" "c$i" <(sectors lower $(((i + 64) * 8)) 8)
done
for i in {1..64}; do dmfuse resume "w$i"; done
for process in "${writers[@]}"; do ends_with 0 "$process"; done
for i in {1..64}; do same "writer $i" patch <(sectors "w$i" 0 8); done
prints '' dmfuse remove_all
prints 'No devices found' dmfuse ls
unmount_here
