#!/bin/bash
# wait, message, mknodes, setgeometry, wipe_table, --verbose and the like
x() { echo "\$ $*"; eval "$*" 2>&1; echo "= $?"; while read -r _l; do [[ $_l = hrtimer* ]] || echo "K| $_l"; done < <(busybox dmesg -c); }
disk() { truncate -s "$2" "d$1.img"; losetup $3 "/dev/loop$1" "d$1.img"; dmesg -C; }

disk 0 512K
x "dmsetup create a --table '0 64 linear /dev/loop0 0'"
x dmsetup -v info a
x dmsetup -v status a
x dmsetup -v table a
x dmsetup -v suspend a
x dmsetup -v resume a
x "dmsetup -v load a --table '0 8 zero'"
x dmsetup -v clear a
x dmsetup -v deps a
x timeout 1 dmsetup -v wait a 0
# Linux 6.1 corrupts its memory (dm-ima) when a device that was renamed gets a table.
x dmsetup create n --notable
x dmsetup -v rename n m
x dmsetup -v rename m n
x dmsetup remove n
x "dmsetup -v create v --table '0 8 zero'"
x dmsetup -v remove v
x timeout 1 dmsetup wait a 0
x timeout 1 dmsetup wait --noflush a 0
x timeout 1 dmsetup wait a x
x timeout 5 dmsetup wait a -1
x timeout 1 dmsetup wait -u nosuch
x dmsetup message a 0
x dmsetup message a 0 hello world
x dmsetup message a x hello
x dmsetup message a -1 hello
x dmsetup message a 1 hello
x dmsetup message a 18446744073709551616 hello
x dmsetup message a 0 @
x dmsetup message a 0 @cancel_deferred_remove
x dmsetup message a 0 @cancel_deferred_remove x
x dmsetup message a 0 @Cancel_Deferred_REMOVE
x dmsetup message a 100 @cancel_deferred_remove
x "dmsetup message a 0 ''"
x "dmsetup message a 0 ' '"
x dmsetup message -u U 0 x
x dmsetup mknodes
x dmsetup mknodes a
x dmsetup mknodes nosuch
x dmsetup setgeometry a 1 2 3 4
x dmsetup setgeometry a 1 2 3 0
x dmsetup setgeometry a 65536 2 3 0
x dmsetup setgeometry a 65535 256 3 0
x dmsetup setgeometry a x 2 3 0
x dmsetup setgeometry a 1 2 3 6
x dmsetup setgeometry a 1 2 3 7
x dmsetup setgeometry nosuch 1 2 3 4
x dmsetup create bare --notable
x dmsetup setgeometry bare 1 2 3 4
x dmsetup wipe_table a
x dmsetup table a
x dmsetup wipe_table bare
x dmsetup table bare
x dmsetup table --showkeys a
x "dmsetup load a </dev/null"
x "echo '0 64 zero' | dmsetup load a"
x "echo '0 64 zero' >file; dmsetup load a file"
x dmsetup load a nosuchfile
x "dmsetup load a -"
x "dmsetup reload a --table '0 64 zero'"
x dmsetup resume a
x dmsetup table a
x dmsetup suspend a bare
x dmsetup resume a bare
x dmsetup resume nosuch a
x dmsetup suspend --nolockfs --noflush a
x dmsetup info -c -o name,suspended
x dmsetup resume --noflush --nolockfs a
x dmsetup create r --readonly --notable
x "dmsetup load r --readonly --table '0 8 zero'"
x dmsetup info -c r
x dmsetup resume r
x dmsetup info -c r
x "dmsetup load r --table '0 8 zero'; dmsetup info -c r; dmsetup info -c --inactive r"
x dmsetup resume r
x dmsetup info -c r
x "dmsetup create i --inactive --table '0 8 zero'"
x dmsetup info -c
x dmsetup remove --force r
x dmsetup remove a bare
x dmsetup remove nosuch i
x dmsetup remove_all --force
x dmsetup measure
