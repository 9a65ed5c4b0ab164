#!/bin/bash
# ls and deps with -o, --target, --exec; --tree with its options
x() { echo "\$ $*"; eval "$*" 2>&1; echo "= $?"; while read -r _l; do [[ $_l = hrtimer* ]] || echo "K| $_l"; done < <(busybox dmesg -c); }
disk() { truncate -s "$2" "d$1.img"; losetup $3 "/dev/loop$1" "d$1.img"; dmesg -C; }

disk 0 512K; disk 1 512K
x dmsetup ls --tree
x dmsetup deps
x "dmsetup create a -u U-a --table '0 64 linear /dev/loop0 0'"
x "dmsetup create b --table '0 64 linear /dev/loop1 0'"
x "dmsetup create m --table '0 128 striped 2 8 /dev/mapper/a 0 /dev/mapper/b 0'"
x "dmsetup create t -r --table '0 64 linear /dev/mapper/m 0
64 8 zero'"
x "dmsetup create z --table '0 8 zero'"
x "dmsetup create bare --notable"
x "dmsetup create 'sp ace' --table '0 8 error'"
x dmsetup suspend z
for o in devno devname blkdevname nosuch ''; do
	x "dmsetup ls -o '$o'"
	x "dmsetup deps -o '$o'"
	x "dmsetup deps -o '$o' t"
done
x dmsetup ls -o devno,devname
x dmsetup deps a b
x dmsetup deps bare
x dmsetup deps -v m
x dmsetup ls -v
x dmsetup ls --target zero
x dmsetup ls --target nosuch
x dmsetup ls --target linear -o devname
x "dmsetup ls --target zero --exec echo"
x "dmsetup ls --exec 'echo -n'"
x "dmsetup ls --target zero --exec nosuchcommand"
x dmsetup status --target striped
x dmsetup table --target zero t
x dmsetup ls x
for o in compact inverted compact,inverted nodevice device blkdevname active open rw uuid notrunc ascii utf vt100 utf,compact,inverted active,open,rw,uuid nosuch nodevice,blkdevname compact,active; do
	x dmsetup ls --tree -o $o
done
x "dmsetup ls --tree -o vt100 | tr '\\033\\016\\017' ESI"
x COLUMNS=20 dmsetup ls --tree -o compact,active,open,rw
x dmsetup ls --tree --target zero
x dmsetup -C ls --tree
x dmsetup remove_all
