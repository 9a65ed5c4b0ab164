#!/bin/bash
# queries of the inactive table
x() { echo "\$ $*"; eval "$*" 2>&1; echo "= $?"; while read -r _l; do [[ $_l = hrtimer* ]] || echo "K| $_l"; done < <(busybox dmesg -c); }
disk() { truncate -s "$2" "d$1.img"; losetup $3 "/dev/loop$1" "d$1.img"; dmesg -C; }

disk 0 512K; disk 1 512K
x "dmsetup create a --table '0 64 linear /dev/loop0 0'"
i() { x dmsetup info --inactive a; x dmsetup info -c --inactive a; x dmsetup table --inactive a; x dmsetup status --inactive a; x dmsetup deps --inactive a; x dmsetup ls --inactive; }
i
x "dmsetup load a --readonly --table '0 8 linear /dev/loop1 0
8 8 striped 1 8 /dev/loop0 0'"
i
x dmsetup info a; x dmsetup info -c a; x dmsetup deps a
x "dmsetup load a --table '0 8 nosuch'"
i
x dmsetup table --inactive
x dmsetup status --inactive
x dmsetup deps --inactive
x dmsetup ls --tree --inactive
x dmsetup table --inactive --target striped
x dmsetup rename a b --inactive
x dmsetup rename b a
x dmsetup message --inactive a 0 x
x timeout 1 dmsetup wait --inactive a 0
x timeout 1 dmsetup wait --inactive a 7
x dmsetup suspend --inactive a
x dmsetup resume --inactive a
i
x dmsetup info a
x dmsetup load --inactive a --table "'0 8 zero'"
x dmsetup clear --inactive a
x dmsetup remove --inactive a
x "dmsetup create b --notable"
x "dmsetup load b --table '0 8 linear /dev/loop0 0'"
x dmsetup info b; x dmsetup info --inactive b; x dmsetup table b; x dmsetup table --inactive b
x dmsetup info -c; x dmsetup info -c --inactive
x losetup -d /dev/loop0
x dmsetup remove_all
x dmsetup ls
