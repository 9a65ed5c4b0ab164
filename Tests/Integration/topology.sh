#!/usr/bin/env bash
# As: root
# What stands on blocks of 4096 bytes: the device has such blocks for tools, for O_DIRECT and for
# partition tables, what isn't aligned to them is refused, and words name block devices as the kernel
# reads them.
. "$(dirname "$0")/lib.sh"
need_command losetup blockdev
mount_here
truncate -s 16M disk
loop=$(losetup -f --show -b 4096 disk 2>/dev/null) || skip "loop devices of such blocks aren't to be had here"
loops+=("$loop")
[ "$(blockdev --getss "$loop")" -eq 4096 ] || skip "this kernel's loop devices have one block size"
run() { dmfuse run -- "$@"; }
# NAME: what it shows of itself, in one line.
shown() {
    local numbers
    numbers=$(run blockdev --getss --getpbsz --getiomin --getioopt --getalignoff --getbsz "/dev/mapper/$1")
    echo "${numbers//$'\n'/ }"
}
make_file a 512
make_file b 512

dmfuse create d --table "0 32768 linear $loop 0"
prints '4096 4096 4096 0 0 4096' shown d
dmfuse create s --table "0 768 striped 3 8 $PWD/a 0 $PWD/b 0 $PWD/a 256"
prints '512 512 4096 12288 0 4096' shown s
dmfuse create over --table "0 768 linear $(device s) 0
768 8 linear $(device d) 0"
prints '4096 4096 4096 12288 0 4096' shown over
dmfuse create odd --table "0 64 linear $(device s) 3"
prints '512 512 4096 12288 2560 4096' shown odd
dmfuse remove over
dmfuse remove odd

# Past the page cache.
for size in 512 2048; do
    fails_like '*Invalid argument' dd if="$(device d)" of=/dev/null bs=$size count=1 iflag=direct
    fails_like '*Invalid argument' dd if=/dev/zero of="$(device d)" bs=$size count=1 oflag=direct conv=notrunc
done
prints '' dd if=/dev/zero of="$(device d)" bs=4096 count=1 oflag=direct conv=notrunc status=none
prints '' dd if="$(device s)" of=/dev/null bs=512 count=1 iflag=direct status=none
fails_like '*Invalid argument' fallocate -z -n -o 512 -l 4096 "$(device d)"
prints '' fallocate -z -n -o 4096 -l 4096 "$(device d)"

# A partition table that is written through the device is one on the block device below.
if command -v sfdisk >/dev/null; then
    printf 'label: gpt\nstart=256, size=256, name=one\n' |
        run sfdisk -q --no-reread --no-tell-kernel /dev/mapper/d
    [[ $(sfdisk -d "$loop" 2>/dev/null) == *'start= '*256,*name=\"one\"* ]] ||
        fail 'the block device has no such partition table' "$(sfdisk -d "$loop" 2>&1)"
fi

# Unaligned.
block="h/w logical block size 4096"
fails_like "dmfuse: create x: Invalid argument: start=1 not aligned to $block of ${loop#/dev/}" \
    dmfuse create x --table "0 8 linear $loop 1"
fails_like "dmfuse: create x: Invalid argument: len=12 not aligned to $block of dm-0" \
    dmfuse create x --table "0 12 linear $(device d) 0"
fails_like "dmfuse: create x: Invalid argument: table line 1 (start sect 4 len 8) not aligned to $block" \
    dmfuse create x --table "0 4 zero
4 8 linear $loop 0"
dmfuse load s --table "0 12 linear $loop 0"
fails_like "dmfuse: resume s: Invalid argument: len=12 not aligned to $block of ${loop#/dev/}" dmfuse resume s
prints '512 512 4096 12288 0 4096' shown s
dmfuse resume s

# The block device's name in other words.
minor=$((0x$(stat -c %T "$loop")))
printf -v hexadecimal '%x' $(((minor & 0xff) | 7 << 8 | (minor & ~0xff) << 12))
for word in "7:$minor:0" "7:$minor:0:" "4294967303:$minor" "$hexadecimal" "0x$hexadecimal"; do
    dmfuse create w --table "0 8 linear $word 0"
    prints "0 8 linear 7:$minor 0" dmfuse table w
    dmfuse remove w
done
fails_like 'dmfuse: create w: No such device: *' dmfuse create w --table "0 8 linear 7:$minor:0:x 0"
fails_like 'dmfuse: create w: No such device or address: *' dmfuse create w --table '0 8 linear 4094:7 0'
dmfuse remove_all
unmount_here
