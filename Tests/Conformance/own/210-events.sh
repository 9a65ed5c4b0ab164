#!/bin/bash
# Which commands poll on the control device tells of
x() { echo "\$ $*"; eval "$*" 2>&1; echo "= $?"; while read -r _l; do [[ $_l = hrtimer* ]] || echo "K| $_l"; done < <(busybox dmesg -c); }
disk() { truncate -s "$2" "d$1.img"; losetup $3 "/dev/loop$1" "d$1.img"; dmesg -C; }
program=/in/ioctls; [ -x $program ] || program=$IOCTLS
modprobe -a dm-zero; dmesg -C
disk 0 1M

e() { echo "\$ event $*"; $program event "$* 2>&1"; while read -r _l; do [[ $_l = hrtimer* ]] || echo "K| $_l"; done < <(busybox dmesg -c); }
e dmsetup create a --notable
e dmsetup create a --notable
e "dmsetup load a --table '0 8 linear /dev/loop0 0'"
e dmsetup clear a
e "dmsetup load a --table '0 8 linear /dev/loop0 0'"
e dmsetup resume a
e dmsetup resume a
e dmsetup suspend a
e dmsetup resume a
e "dmsetup load a --table '0 8 zero'"
e dmsetup suspend a
e dmsetup resume a
e "dmsetup load a --table '0 8 linear /dev/loop0 5000'"
e dmsetup resume a
e dmsetup resume a
e dmsetup rename a b
e dmsetup rename b b
e dmsetup rename nosuch c
e dmsetup rename b --setuuid U
e dmsetup rename b --setuuid U
e dmsetup message b 0 hello
e dmsetup message b 0 @cancel_deferred_remove
e dmsetup message b 0 @nosuch
e dmsetup setgeometry b 1 1 1 0
e "dmsetup table b; dmsetup status b; dmsetup deps b; dmsetup ls; dmsetup version >out; dmsetup target-version zero; dmsetup wait b 77; dmsetup mknodes"
exec 3</dev/mapper/b
e dmsetup remove b
e dmsetup remove --deferred b
e dmsetup remove --deferred b
e dmsetup message b 0 @cancel_deferred_remove
e dmsetup remove_all
e dmsetup remove_all --deferred
sleep 100 3<&3 & echo $! >pid; disown; exec 3<&-
e 'kill $(cat pid)'
x dmsetup ls
e dmsetup remove nosuch
e dmsetup remove_all
e dmsetup remove_all --deferred
# a device that has no live table, and goes with its last close
x dmsetup create c --notable --addnodeoncreate
x "dmsetup load c --table '0 8 zero'"
sleep 100 </dev/mapper/c & echo $! >pid; disown
until [[ $(dmsetup info -c --noheadings -o open c) == 1 ]]; do sleep 0.1; done
e dmsetup remove --deferred c
e 'kill $(cat pid)'
x dmsetup ls
x dmsetup create c --notable
e dmsetup remove c
x "dmsetup create c --table '0 8 zero'"
e dmsetup remove c
x dmsetup create c --notable
e dmsetup remove --deferred c
# an error of a stripe, and failing tables
x "dmsetup create lo --table '0 16 linear /dev/loop0 0'"
x "dmsetup create st --table '0 16 striped 1 8 /dev/mapper/lo 0'"
x "dmsetup load lo --table '0 16 error'"
e dmsetup resume lo
e dd if=/dev/mapper/st of=/dev/null bs=4096 count=1 iflag=direct status=none
e "dmsetup load st --table '0 8 linear nosuch 0'"
e "dmsetup create f --table '0 8 linear nosuch 0'"
e dmsetup remove --force st
e dmsetup wipe_table lo
x dmsetup remove_all
