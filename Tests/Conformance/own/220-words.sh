#!/bin/bash
# Words that name a device and aren't paths; devices that never had a table
x() { echo "\$ $*"; eval "$*" 2>&1; echo "= $?"; while read -r _l; do [[ $_l = hrtimer* ]] || echo "K| $_l"; done < <(busybox dmesg -c); }
disk() { truncate -s "$2" "d$1.img"; losetup $3 "/dev/loop$1" "d$1.img"; dmesg -C; }
modprobe -a dm-zero; dmesg -C
disk 1 512K

# LABEL WORD
w() {
	echo "\$ word $1"
	dmsetup create t --table "0 8 linear $2 0" 2>&1; echo "= $?"
	while read -r _l; do [[ $_l = hrtimer* ]] || echo "K| $_l"; done < <(busybox dmesg -c)
	dmsetup table t 2>&1; dmsetup remove t 2>/dev/null; busybox dmesg -c >/dev/null
}
minor=$((0x$(stat -c %T /dev/loop1)))
w number 7:$minor
for i in : :0 :0: :0x :0:x :99999999999 :-1 :x x; do w "number$i" "7:$minor$i"; done
w padded 007:00$minor
w wrapped "4294967303:$((4294967296 + minor))"
w 'wrapped, too large' 7:1048577
for i in :1 7: 4096:0 4096:0:0 4103:1:0 +7:1 7:+1 7:-1 0 7 70 nosuch; do w "$i" "$i"; done
h=$(printf %x $(((minor & 0xff) | 7 << 8 | (minor & ~0xff) << 12)))
w hexadecimal "$h"; w 'with a zero' "0$h"; w 'with 0x' "0x$h"; w 'with 0X' "0X$h"; w 'with g' "${h}g"
w name "loop$minor"; w 'a partition that is not there' "/dev/loop${minor}p1"; w 'with a zero before it' "/dev/loop0$minor"
for i in /dev/nfs /dev/cifs /dev/loop /dev/zero /dev/dm-99 PARTUUID=x PARTLABEL=x PARTLABEL=; do w "$i" "$i"; done
mknod there b 7 $minor; w node there; w './node' ./there; w 'node, absolute' "$PWD/there"

x dmsetup create n --notable
major=$(dmsetup info -c --noheadings -o major n)
w 'without a table' "$major:0"; w 'without a table, three numbers' "$major:0:0"; w /dev/dm-0 /dev/dm-0
x dmsetup load n --table "'0 8 linear $major:0 0'"
x dmsetup load n --table "'0 8 zero'"
w 'with a table that is not live' "$major:0"; w 'the same, three numbers' "$major:0:0"; w /dev/dm-0 /dev/dm-0; w dm-0 dm-0
x dmsetup clear n
w 'that had a table' "$major:0"
x dmsetup remove n
w 'that is gone' "$major:0"
