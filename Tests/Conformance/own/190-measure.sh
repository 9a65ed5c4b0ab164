#!/bin/bash
# what integrity measurement is told of a table
x() { echo "\$ $*"; eval "$*" 2>&1; echo "= $?"; while read -r _l; do [[ $_l = hrtimer* ]] || echo "K| $_l"; done < <(busybox dmesg -c); }
disk() { truncate -s "$2" "d$1.img"; losetup $3 "/dev/loop$1" "d$1.img"; dmesg -C; }

disk 0 512K; disk 1 512K
x dmsetup measure nosuch
x "dmsetup create t --table '0 8 linear 7:0 8
8 16 striped 2 8 7:0 0 7:1 64
24 8 zero
32 8 error'"
x "dmsetup create s --table '0 64 striped 1 16 7:1 0'"
x dmsetup create bare --notable
x "dmsetup create 'a b' --table '0 8 linear 7:1 8'"
x dmsetup measure
x dmsetup measure t
x dmsetup measure bare
x dmsetup measure t s
x dmsetup measure --noflush s
x dmsetup measure -v s
x dmsetup measure --target linear
x dmsetup measure -S 'name=s'
x dmsetup measure --inactive s
x "dmsetup load s --table '0 8 linear 7:0 16'"
x dmsetup measure --inactive s
x dmsetup measure s
x dmsetup resume s
x dmsetup measure s
x dmsetup measure --table s
