#!/bin/bash
# ioctls that libdevmapper would not make (ioctls.c)
x() { echo "\$ $*"; eval "$*" 2>&1; echo "= $?"; while read -r _l; do [[ $_l = hrtimer* ]] || echo "K| $_l"; done < <(busybox dmesg -c); }
disk() { truncate -s "$2" "d$1.img"; losetup $3 "/dev/loop$1" "d$1.img"; dmesg -C; }

disk 0 512K
x "dmsetup create one -u U1 --table '0 24 linear /dev/loop0 0
24 8 zero'"
x "dmsetup create other --table '0 8 zero'"
program=/in/ioctls; [ -x $program ] || program=$IOCTLS
echo "\$ ioctls"; $program 2>&1; echo "= $?"; busybox dmesg -c | sed "s/^/K| /"
x dmsetup ls
