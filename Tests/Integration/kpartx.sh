#!/usr/bin/env bash
# As: root
# kpartx on a partitioned image: it attaches the image, and makes a device for each partition.
. "$(dirname "$0")/lib.sh"
need_command kpartx sfdisk losetup
mount_here
truncate -s 64M disk
sfdisk -q disk <<'TABLE'
label: gpt
size=8M
size=16M
size=4M
TABLE
make_random bytes 8192
dd if=bytes of=disk bs=1M seek=25 conv=notrunc status=none
attached() { losetup -nO NAME -j disk; }
loop_over disk
loop_off
# The loop device that was free may be another's before kpartx has it.
tries=20
until dmfuse run -- kpartx -av disk >said 2>&1 && loop=$(attached) && [ -n "$loop" ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || fail 'kpartx -av' "$(cat said)"
    pause
done
loops+=("$loop")
name=${loop#/dev/}
number=$(printf '%d:%d' "0x$(stat -c %t "$loop")" "0x$(stat -c %T "$loop")")
major=$(dmfuse info -c --noheadings -o major "${name}p1")
prints "add map ${name}p1 ($major:0): 0 16384 linear $number 2048
add map ${name}p2 ($major:1): 0 32768 linear $number 18432
add map ${name}p3 ($major:2): 0 8192 linear $number 51200" cat said
prints "${name}p1: 0 16384 linear $number 2048
${name}p2: 0 32768 linear $number 18432
${name}p3: 0 8192 linear $number 51200" dmfuse table
# Once more on an image that has its devices: they keep their names.
dmfuse run -- kpartx -av disk >again 2>&1 || fail 'kpartx -av, again' "$(cat again)"
prints "$(cat said)" cat again
prints "${name}p1
${name}p2
${name}p3" eval "dmfuse info -c --noheadings -o name | tr -d ' ' | sort"
prints "$loop" attached
same 'the third partition' bytes "$(device "${name}p3")"
dd if=/dev/zero of="$(device "${name}p3")" bs=1M count=4 conv=notrunc,fsync status=none
zeros 'it is written' <(dd if=disk bs=1M skip=25 count=4 status=none) 0 8192
prints "del devmap : ${name}p1
del devmap : ${name}p2
del devmap : ${name}p3" eval 'dmfuse run -- kpartx -dv disk 2>/dev/null'
prints 'No devices found' dmfuse ls
prints '' attached
loops=()
unmount_here
