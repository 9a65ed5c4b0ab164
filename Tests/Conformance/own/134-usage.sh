#!/bin/bash
# usage, help, wrong command lines, exit statuses
x() { echo "\$ $*"; eval "$*" 2>&1; echo "= $?"; while read -r _l; do [[ $_l = hrtimer* ]] || echo "K| $_l"; done < <(busybox dmesg -c); }
disk() { truncate -s "$2" "d$1.img"; losetup $3 "/dev/loop$1" "d$1.img"; dmesg -C; }

x "dmsetup help -c"
x "dmsetup help"
x "dmsetup --help"
x "dmsetup -h -c"
x dmsetup --version
x dmsetup -v version
x dmsetup -v ls
x dmsetup
x dmsetup nosuch
x dmsetup ls --nosuch
x dmsetup ls -Q
x dmsetup info a b c
x dmsetup create a b c
x dmsetup rename a
x dmsetup message
x dmsetup setgeometry a 1 2
x dmsetup targets x
x dmsetup version x
x dmsetup wait
x dmsetup load
x dmsetup clear
x dmsetup status nosuch1 nosuch2
x dmsetup table nosuch1 nosuch2
x dmsetup info nosuch1 nosuch2
x dmsetup deps nosuch1 nosuch2
x dmsetup remove nosuch1 nosuch2
x dmsetup suspend nosuch1 nosuch2
x dmsetup resume nosuch1 nosuch2
x dmsetup mknodes nosuch1 nosuch2
x dmsetup wipe_table nosuch1 nosuch2
x dmsetup -j 254 info
x dmsetup info -m 0
x dmsetup info -j x -m 0
x dmsetup info -u
x dmsetup info -u ''
x dmsetup udevcookies
x dmsetup target-version
x dmsetup target-version zero linear striped
x dmsetup target-version linear nosuch zero
x dmsetup -vv version
