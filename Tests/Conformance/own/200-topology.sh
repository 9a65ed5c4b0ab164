#!/bin/bash
# What stacks: block sizes, alignment, discards; and tables that aren't aligned to blocks below
x() { echo "\$ $*"; eval "$*" 2>&1; echo "= $?"; while read -r _l; do [[ $_l = hrtimer* ]] || echo "K| $_l"; done < <(busybox dmesg -c); }
disk() { truncate -s "$2" "d$1.img"; losetup $3 "/dev/loop$1" "d$1.img"; dmesg -C; }
program=/in/ioctls; [ -x $program ] || program=$IOCTLS
modprobe -a dm-zero dm-delay; dmesg -C
disk 0 1M; disk 1 1M; disk 2 1M '-b 4096'; disk 3 1M '-b 4096'; disk 4 1M; disk 5 1M '-b 1024'

# WHAT NAME FROM COUNT
r() { echo "\$ range $*"; $program range "$1" "/dev/mapper/$2" "$3" "$4"; }
s() { x blockdev --getss --getpbsz --getiomin --getioopt --getalignoff --getbsz "/dev/mapper/$1"; }
# NAME TABLE [keep]
t() {
	x "dmsetup create $1 --table '$2'"
	[ -b "/dev/mapper/$1" ] || return
	s "$1"; r BLKDISCARD "$1" 0 4096; r PUNCH_HOLE "$1" 4096 4096; r BLKDISCARD "$1" 512 512
	[ "$3" ] || x dmsetup remove "$1"
}
t l0 '0 64 linear /dev/loop0 0' keep
t l2 '0 64 linear /dev/loop2 0' keep
t l3 '0 64 linear /dev/loop0 3'
t s '0 72 striped 3 8 /dev/loop0 0 /dev/loop1 0 /dev/loop4 0' keep
t s2 '0 24 striped 3 1 /dev/loop0 0 /dev/loop1 0 /dev/loop4 0'
t s3 '0 18 striped 2 3 /dev/loop0 0 /dev/loop1 0' keep
t s4 '0 32 striped 2 8 /dev/loop2 0 /dev/loop1 0'
t s5 '0 16 striped 2 4 /dev/loop2 0 /dev/loop3 0'
t s6 '0 64 striped 4 4 /dev/loop0 0 /dev/loop1 0 /dev/loop2 0 /dev/loop3 0'
t z '0 64 zero' keep
t e '0 64 error' keep
t d '0 64 delay /dev/loop0 0 0'
t d2 '0 64 delay /dev/loop0 0 0 /dev/loop2 0 0'
t lz '0 64 linear /dev/loop0 0
64 64 zero'
t le '0 64 linear /dev/loop0 0
64 64 error'
t ld '0 64 linear /dev/loop0 0
64 64 delay /dev/loop1 0 0'
t oz '0 64 linear /dev/mapper/z 0'
t oe '0 64 linear /dev/mapper/e 0'
t os '0 64 linear /dev/mapper/s 0'
t os3 '0 64 linear /dev/mapper/s 3'
t os33 '0 15 linear /dev/mapper/s3 3'
t oss '0 18 linear /dev/mapper/s3 0
18 54 linear /dev/mapper/s 18'
t osl '0 8 linear /dev/loop0 0
8 18 linear /dev/mapper/s3 0'
t mix '0 8 linear /dev/loop0 0
8 8 linear /dev/loop2 0'
t mix2 '0 8 linear /dev/loop5 0
8 8 linear /dev/loop2 0'
t m1 '0 4 linear /dev/loop0 0
4 8 linear /dev/loop2 0'
x dmsetup remove m1
t m2 '0 12 linear /dev/loop2 0'
t m3 '0 8 linear /dev/loop2 1'
t m4 '0 8 linear /dev/loop2 0
8 4 zero'
t m5 '0 4 zero
4 4 zero
8 8 linear /dev/loop2 0'
t m6 '0 4 linear /dev/loop0 1
4 4 linear /dev/loop1 1
8 8 linear /dev/loop2 0'
t m7 '0 3 linear /dev/loop5 0'
t m8 '0 2 linear /dev/loop5 0
2 2 linear /dev/loop5 2
4 4 linear /dev/loop0 0
8 8 linear /dev/loop2 0'
t m9 '0 8 linear /dev/mapper/l2 1'
t m10 '0 6 linear /dev/loop5 0
6 8 linear /dev/loop2 0
14 2 zero'
# O_DIRECT
for i in 512 1024 4096; do
	x dd if=/dev/mapper/l2 of=/dev/null bs=$i count=1 skip=1 iflag=direct status=none
	x dd if=/dev/zero of=/dev/mapper/l2 bs=$i count=1 seek=1 oflag=direct conv=notrunc status=none
done
# later tables
x dmsetup load l0 --table "'0 12 linear /dev/loop2 0'"
x dmsetup resume l0
x dmsetup info -c l0
x dmsetup resume l0
x dmsetup load l2 --table "'0 64 linear /dev/loop0 0'"
x dmsetup create u --table "'0 64 linear /dev/mapper/l2 0'"
s u
x dmsetup resume l2
s l2; s u
x dmsetup load u --table "'0 64 linear /dev/mapper/l2 0'"
x dmsetup resume u
s u
# discards while suspended, and of another table
x dmsetup suspend z
r BLKDISCARD z 0 4096; r PUNCH_HOLE z 0 4096
x dmsetup load z --table "'0 64 linear /dev/loop0 0'"
r BLKDISCARD z 0 4096
x dmsetup resume z
r BLKDISCARD z 0 4096
# which refusal comes first
r BLKDISCARD e 0 100; r PUNCH_HOLE e 0 100; r BLKDISCARD e 0 409600; r BLKDISCARD s 0 100; r BLKDISCARD s 0 409600
x dmsetup remove s3
# writing through an upper device to a read-only one
x dmsetup create ro --readonly --table "'0 64 linear /dev/loop1 0'"
x dmsetup create up --table "'0 64 linear /dev/mapper/ro 0'"
x dd if=/dev/zero of=/dev/mapper/up bs=4096 count=1 oflag=direct conv=notrunc status=none
x dmsetup remove up
x dmsetup remove_all
