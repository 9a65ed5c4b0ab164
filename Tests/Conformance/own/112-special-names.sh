#!/bin/bash
# names that mean something to a file system, and prefixes
x() { echo "\$ $*"; eval "$*" 2>&1; echo "= $?"; while read -r _l; do [[ $_l = hrtimer* ]] || echo "K| $_l"; done < <(busybox dmesg -c); }
disk() { truncate -s "$2" "d$1.img"; losetup $3 "/dev/loop$1" "d$1.img"; dmesg -C; }

c() { x "dmsetup create $* --table '0 8 zero'"; }
c .hidden; c ..x; c -- -dash; c dm-0; c dm-7; c con; c controls; c "'*'"; c "'?'"; c "'[a]'"; c '\~'
x dmsetup ls
x dmsetup info -c -o name,blkdevname
x ls -A /dev/mapper
x dmsetup table dm-0
x dmsetup remove -- -dash
x dmsetup info /dev/dm-0
x dmsetup info /dev/mapper/con
x dmsetup info /dev/mapper/nosuch
x dmsetup info mapper/con
x dmsetup info /dev/null
x dmsetup remove /dev/mapper/con
x dmsetup rename /dev/mapper/controls other
x dmsetup rename other /dev/mapper/third
x dmsetup remove_all
c .; c ..; c control
x dmsetup create fine --notable
x dmsetup rename fine control
x dmsetup rename fine .
x dmsetup rename fine ..
x dmsetup info -c -o name
