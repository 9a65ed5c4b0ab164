#!/usr/bin/env bash
# As: root
# A block device as backing: by its path and by its number, opened exclusively for as long as a
# table uses it, shared by all tables, and let go with the last; read and written past its page cache.
. "$(dirname "$0")/lib.sh"
need_command losetup mke2fs
mount_here
make_random disk 2048
mke2fs -q -F disk
loop_over disk
number=$(printf '%d:%d' "0x$(stat -c %t "$loop")" "0x$(stat -c %T "$loop")")
dmfuse create d --table "0 1024 linear $loop 512"
prints "0 1024 linear $number 512" dmfuse table d
prints "1 dependencies	: (${number/:/, })" dmfuse deps d
same 'reads' <(sectors disk 512 1024) "$(device d)"
make_random patch 8
dd if=patch of="$(device d)" bs=4k seek=100 conv=notrunc,fsync status=none
same 'a write, on the device' patch <(sectors "$loop" 1312 8)
same 'a write, in its file' patch <(sectors disk 1312 8)
dmfuse create e --table "0 1024 linear $number 0"
same 'by number' <(sectors disk 0 1024) "$(device e)"
fails_like 'dmfuse: create f: Invalid argument: *too small for target: start=2000, len=100, dev_size=2048' \
    dmfuse create f --table "0 100 linear $loop 2000"

# Past its page cache, as device-mapper's I/O: what is written is in the loop's file at once, whatever
# is cached; what others write there is read; and what they have cached of the loop device is coherent.
at_once() { same "$1" patch <(sectors disk 1312 8) && same "$1, on the device" patch <(sectors "$loop" 1312 8); }
for flag in direct ''; do
    make_random patch 8
    sectors "$loop" 1312 8 >/dev/null
    dd if=patch of="$(device d)" bs=4k seek=100 count=1 conv=notrunc status=none ${flag:+oflag=$flag}
    at_once "a write at once, ${flag:-cached}"
done
make_random patch 8
dd if=patch of=disk bs=512 seek=1312 conv=notrunc status=none
same "another's write" patch <(dd if="$(device d)" bs=4k skip=100 count=1 iflag=direct status=none)
# Parts of blocks, from odd places: the rest of the blocks stays.
sectors disk 512 1024 >wanted
for place in '1 1' '511 1' '512 512' '500 30' '4000 1000' '333 5000' '12345 70000' '524287 1'; do
    read -r offset length <<<"$place"
    head -c "$length" /dev/urandom >odd
    for file in "$(device d)" wanted; do
        dd if=odd of="$file" bs="$length" seek="$offset" oflag=seek_bytes conv=notrunc status=none
    done
    same "$length bytes at $offset" wanted <(sectors disk 512 1024)
    same "$length bytes at $offset, read" wanted "$(device d)"
done
# A range of zeros.
fallocate -z -n -o 8192 -l 65536 "$(device d)"
dd if=/dev/zero of=wanted bs=4k seek=2 count=16 conv=notrunc status=none
same 'zeros' wanted <(sectors disk 512 1024)

# Exclusive: nobody else gets it exclusively, and what somebody has so is busy.
mkdir there
claim() { mount -o ro "$loop" there; }
fails_like '*already mounted or mount point busy*' claim
dmfuse remove d
fails_like '*already mounted or mount point busy*' claim
dmfuse remove e
claim || fail 'the block device was not let go'
refuses "dmfuse: create d: Device or resource busy: linear: Device lookup failed ($loop: Device or resource busy)" \
    dmfuse create d --table "0 1024 linear $loop 0"
umount there
prints '' dmfuse create d --table "0 1024 linear $loop 0"
dmfuse remove d
# Two daemons are two kernels: the second one is refused, whatever either does with it.
first=$mnt first_daemon=$daemon
mount_here
for one in '' --readonly; do
    DM_DEV_DIR=$first dmfuse create d ${one:+"$one"} --table "0 1024 linear $loop 0"
    for other in '' --readonly; do
        refuses "dmfuse: create d: Device or resource busy: linear: Device lookup failed ($loop: Device or resource busy)" \
            dmfuse create d ${other:+"$other"} --table "0 1024 linear $loop 0"
    done
    DM_DEV_DIR=$first dmfuse remove d
done
dmfuse create d --table "0 1024 linear $loop 0"
dmfuse remove d
unmount_here
mnt=$first daemon=$first_daemon DM_DEV_DIR=$first
# A write-protected one: writes fail with EIO, as in the kernel.
loop_off
loop_over disk --read-only
dmfuse create d --table "0 1024 linear $loop 0"
same 'reads' <(sectors disk 0 1024) "$(device d)"
fails_like '*Input/output error' dd if=patch of="$(device d)" bs=4k conv=notrunc,fsync
dmfuse remove d
loop_off
# Blocks of 4096 bytes, and stripes over two devices.
make_random disk 2048
make_random other 2048
loop_over disk --sector-size 4096
first=$loop
loop_over other --sector-size 4096
dmfuse create d --table "0 4096 striped 2 8 $first 0 $loop 0"
stripes() {
    local chunk
    for chunk in {0..31}; do sectors disk $((chunk * 8)) 8 && sectors other $((chunk * 8)) 8; done
}
stripes >wanted
same 'stripes' wanted <(sectors "$(device d)" 0 512)
for place in '1 1' '4095 2' '333 9000' '65536 65536' '70000 100001'; do
    read -r offset length <<<"$place"
    head -c "$length" /dev/urandom >odd
    for file in "$(device d)" wanted; do
        dd if=odd of="$file" bs="$length" seek="$offset" oflag=seek_bytes conv=notrunc status=none
    done
    same "$length bytes at $offset of stripes" wanted <(stripes)
    same "$length bytes at $offset of stripes, read" wanted \
        <(dd if="$(device d)" bs=256k count=1 iflag=direct status=none)
done
dmfuse remove d
unmount_here
