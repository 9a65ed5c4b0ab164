#!/usr/bin/env bash
# A stack of three: data goes through, dependencies and the tree show it, a lower device is held
# open by its uppers and can't be removed, and no table can lead to itself.
. "$(dirname "$0")/lib.sh"
mount_here
make_random a 256
make_random b 256
dmfuse create base0 --table "0 256 linear $PWD/a 0"
dmfuse create base1 --table "0 256 linear $PWD/b 0"
dmfuse create mid --table "0 512 striped 2 8 $(device base0) 0 $(device base1) 0"
dmfuse create top <<TABLE
0 128 linear $(device mid) 0
128 64 linear $PWD/b 128
192 64 zero
TABLE
number() { dmfuse info -c --noheadings -o major,minor "$1"; }
a=$(dmfuse table base0 | cut -d' ' -f4) b=$(dmfuse table base1 | cut -d' ' -f4)
mid=$(number mid) base0=$(number base0) base1=$(number base1)

prints "top: 2 dependencies	: (${b/:/, }) (${mid/:/, })" eval 'dmfuse deps | grep top'
prints "2 dependencies	: (${base1/:/, }) (${base0/:/, })" dmfuse deps mid
prints "0 512 striped 2 8 $base0 0 $base1 0" dmfuse table mid
prints "top ($(number top))
 |- ($b)
 \`-mid ($mid)
    |-base1 ($base1)
    |  \`- ($b)
    \`-base0 ($base0)
       \`- ($a)" dmfuse ls --tree
prints $'base0:1\nbase1:1\nmid:1\ntop:0' dmfuse info -c --noheadings -o name,open

# Eight sectors of a, eight of b, and so on.
for i in {0..7}; do sectors a $((i * 8)) 8 && sectors b $((i * 8)) 8; done >expected
same 'through three devices' expected <(dd if="$(device top)" bs=64k count=1 status=none)
head -c 8192 /dev/urandom >patch
dd if=patch of="$(device top)" bs=8k seek=4 count=1 oflag=direct conv=notrunc status=none
same 'a write through three devices' patch <(sectors a 32 8; sectors b 32 8)
dd if=patch of="$(device top)" bs=8k seek=9 count=1 conv=notrunc,fsync status=none
same 'a write past the middle' patch <(sectors b 144 16)

for lower in mid base0 base1; do
    refuses "dmfuse: remove $lower: Device or resource busy" dmfuse remove "$lower"
done
# An inactive table holds its devices, too; clear lets go.
dmfuse create user --table '0 8 zero'
dmfuse load user --table "0 8 linear $(device top) 0"
refuses 'dmfuse: remove top: Device or resource busy' dmfuse remove top
prints "1 dependencies	: (${mid%:*}, $(number top | cut -d: -f2))" dmfuse deps --inactive user
dmfuse clear user
prints 0 dmfuse info -c --noheadings -o open top

# To itself: directly, round a corner, and by two loads at once only one of which can win.
fails_like "dmfuse: load user: Invalid argument: linear: *" dmfuse load user --table "0 8 linear $(device user) 0"
fails_like "dmfuse: load base0: Invalid argument: linear: *" dmfuse load base0 --table "0 8 linear $(device top) 0"
dmfuse create x --table '0 8 zero'
dmfuse create y --table '0 8 zero'
for round in {1..50}; do
    "$DMFUSE" load x --table "0 8 linear $(device y) 0" 2>/dev/null &
    first=$!
    second=0
    "$DMFUSE" load y --table "0 8 linear $(device x) 0" 2>/dev/null || second=1
    status=0
    wait "$first" || status=$?
    equal "round $round: one of the loads was refused" 1 $((status + second))
    dmfuse clear x
    dmfuse clear y
done
dmfuse remove x y user

# Deferred: goes when its last upper goes.
dmfuse remove --deferred base0
prints 'L--w' dmfuse info -c --noheadings -o attr base0
dmfuse remove top
dmfuse remove mid
prints base1 dmfuse info -c --noheadings -o name
refuses 'dmfuse: remove base0: No such device or address' dmfuse remove base0
dmfuse remove base1

# Depth is bounded, and the bound is told.
dmfuse create 's0' --table "0 8 linear $PWD/a 0"
depth=0
while dmfuse create "s$((depth + 1))" --table "0 8 linear $(device "s$depth") 0" 2>said; do
    depth=$((depth + 1))
    [ "$depth" -lt 100 ] || break
done
[[ $(<said) == 'dmfuse: create s'*': Too many levels of symbolic links: linear: '* ]] || fail 'no ELOOP' "$(<said)"
[ "$depth" -ge 8 ] || fail "only $depth devices one on another"
same 'through all of them' <(sectors a 0 8) "$(device "s$depth")"
unmount_here
