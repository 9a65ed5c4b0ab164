#!/bin/bash
# ioctls that libdevmapper would not make (ioctls.c)
x() { echo "\$ $*"; eval "$*" 2>&1; echo "= $?"; while read -r _l; do [[ $_l = hrtimer* ]] || echo "K| $_l"; done < <(busybox dmesg -c); }
disk() { truncate -s "$2" "d$1.img"; losetup $3 "/dev/loop$1" "d$1.img"; dmesg -C; }

disk 0 512K
# Linux 6.1 corrupts its memory (dm-ima) when a device that was renamed gets a table.
x "dmsetup create one -u U1 --table '0 24 error
24 8 zero'"
x "dmsetup create named -u U2 --table '0 8 zero'"
x "dmsetup create over -u U3 --table '0 8 linear /dev/loop0 0'"
program=/in/ioctls; [ -x $program ] || program=$IOCTLS
echo "\$ ioctls"; $program 2>&1; echo "= $?"
busybox dmesg -c | sed 's/^/K| /; s/, dev [0-9a-f]*$/, dev NUMBER/'
x dmsetup ls
