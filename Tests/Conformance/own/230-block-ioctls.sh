#!/bin/bash
# What block devices answer to the ioctls of tools (block-ioctls.c)
x() { echo "\$ $*"; eval "$*" 2>&1; echo "= $?"; while read -r _l; do [[ $_l = hrtimer* ]] || echo "K| $_l"; done < <(busybox dmesg -c); }
disk() { truncate -s "$2" "d$1.img"; losetup $3 "/dev/loop$1" "d$1.img"; dmesg -C; }
program=/in/block-ioctls; [ -x $program ] || program=$BLOCK_IOCTLS
modprobe -a dm-zero; dmesg -C
disk 0 1M; disk 1 1M; disk 2 1M '-b 4096'
b() { echo "\$ block-ioctls $*"; $program "$1" "/dev/mapper/$2" 2>&1; while read -r _l; do [[ $_l = hrtimer* ]] || echo "K| $_l"; done < <(busybox dmesg -c); }

g() { echo "\$ HDIO_GETGEO $1"; $program ask "/dev/mapper/$1" | grep 'HDIO_GETGEO:'; }

# two targets: none of it is passed on to a device below
x "dmsetup create two --table '0 64 linear /dev/loop0 0
64 64 linear /dev/loop1 0'"
b ask two; b set two; b refused two
x dmsetup setgeometry two 10 4 8 7
g two
x "dmsetup load two --table '0 64 zero'"
x dmsetup resume two
g two
x dmsetup setgeometry two 1 2 3 0
x "dmsetup load two --readonly --table '0 64 zero'"
x dmsetup resume two
b set two
x dmsetup remove two
# one target, without a device below
x dmsetup create zero --table "'0 64 zero'"
b ask zero; b set zero; b refused zero
# blocks of 4096 bytes
x dmsetup create large --table "'0 64 linear /dev/loop2 0'"
b set large
# one target, with a device below; and beneath another device
x dmsetup create one --table "'0 64 linear /dev/loop0 0'"
b ask one; b refused one
x dmsetup create over --table "'0 64 linear /dev/mapper/one 0'"
b set one
x dmsetup remove over
# suspended
x dmsetup suspend one
b ask one
x dmsetup resume one
# a table of the same size keeps the geometry
x dmsetup setgeometry one 10 4 8 7
x "dmsetup load one --table '0 64 zero'; dmsetup resume one"
g one
x blockdev --setro /dev/mapper/one
x blockdev --getro /dev/mapper/one
x dmsetup info -c -o name,attr one
x "dmsetup load one --table '0 64 linear /dev/loop0 0'; dmsetup resume one"
x blockdev --getro /dev/mapper/one
x blockdev --setrw --getro /dev/mapper/one
x blockdev --setbsz 1024 --getbsz /dev/mapper/one
x blockdev --getbsz /dev/mapper/one
x dmsetup remove_all
