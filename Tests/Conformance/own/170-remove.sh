#!/bin/bash
# deferred removal and its cancelling, remove_all, uuids
x() { echo "\$ $*"; eval "$*" 2>&1; echo "= $?"; while read -r _l; do [[ $_l = hrtimer* ]] || echo "K| $_l"; done < <(busybox dmesg -c); }
disk() { truncate -s "$2" "d$1.img"; losetup $3 "/dev/loop$1" "d$1.img"; dmesg -C; }

disk 0 512K
c() { x "dmsetup create $1 $2 --table '0 64 linear ${3:-/dev/loop0} 0'"; }
c a; c b '' /dev/mapper/a
x dmsetup remove --deferred a
x dmsetup info a
x dmsetup message a 0 @cancel_deferred_remove
x dmsetup info a
x dmsetup remove b
x dmsetup ls
# dmsetup has taken the node away.
x dmsetup mknodes
c b '' /dev/mapper/a
x dmsetup remove --deferred a
x "dmsetup load a --table '0 64 zero'"
x dmsetup resume a
x dmsetup suspend a
x dmsetup remove b
x dmsetup ls
c a
x "exec 3</dev/mapper/a"
x dmsetup remove --deferred a
x dmsetup rename a c
x dmsetup rename c c --setuuid
x dmsetup rename c --setuuid U
x dmsetup info c
x dmsetup message c 0 @cancel_deferred_remove
x "exec 3<&-"
x dmsetup ls
x dmsetup remove -u U
x dmsetup ls
c a "-u U-a"; c b "-u U-b" /dev/mapper/a; c c "" /dev/mapper/b
x dmsetup remove_all
x dmsetup ls
c a "-u U-a"; c b "-u U-b" /dev/mapper/a
x "exec 3</dev/mapper/b"
x dmsetup remove_all --deferred
x dmsetup info -c
x dmsetup message a 0 @cancel_deferred_remove
x "exec 3<&-"
x dmsetup ls
x dmsetup remove_all
c a "-u U-a"; c b
x dmsetup rename b --setuuid U-a
x dmsetup rename a --setuuid U-x
x dmsetup rename -u U-a z
x dmsetup info -c
x dmsetup rename -u U-a --setuuid U-y
x dmsetup rename -u nosuch z
x dmsetup remove -u U-a b
x dmsetup ls
x dmsetup remove --retry --deferred z nosuch
x dmsetup remove -f nosuch
x dmsetup remove_all
x dmsetup ls
