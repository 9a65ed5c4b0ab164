#!/bin/bash
# What a write beside a bad sector loses, through the page cache and past it, and when its error is told
x() { echo "\$ $*"; eval "$*" 2>&1; echo "= $?"; while read -r _l; do [[ $_l = hrtimer* ]] || echo "K| $_l"; done < <(busybox dmesg -c | grep -v 'I/O error\|clocksource'); }
truncate -s 1M d0.img; losetup /dev/loop0 d0.img; dmesg -C
head -c 65536 /dev/zero | tr '\0' X >new

# SECTORS: those of the device; the ninth is bad
fresh() {
	[ ! -b /dev/mapper/e ] || dmsetup remove e
	head -c 65536 /dev/zero | tr '\0' . >d0.img; blockdev --flushbufs /dev/loop0
	dmsetup create e --table "0 8 linear /dev/loop0 0
8 1 error
9 $(($1 - 9)) linear /dev/loop0 9"
}
show() {
	local s
	sync d0.img; blockdev --flushbufs /dev/loop0
	for s in {0..23}; do
		printf '%s:%s ' "$s" "$(dd if=d0.img bs=512 skip="$s" count=1 2>/dev/null | tr -s 'X.')"
	done
	echo
}
# SECTORS OPTIONS: by dd, and what is there afterwards
w() { fresh "$1"; x "dd if=new of=/dev/mapper/e status=none $2 # of $1 sectors"; show; }

# The cache has blocks of 512 bytes where the size asks for it.
for how in 'bs=512 seek=7 count=1' 'bs=512 seek=8 count=1' 'bs=512 seek=9 count=1' 'bs=512 count=20' \
	'bs=1000 count=12' 'bs=1000 seek=4 count=1' 'bs=1000 seek=5 count=1' 'bs=1536 seek=2 count=2' \
	'bs=4096 seek=1 count=1' 'bs=4608 count=1' 'bs=5120 count=1' 'bs=12000 count=1'; do
	w 25 "$how conv=notrunc"; w 25 "$how conv=notrunc,fsync"
done
for how in 'bs=512 seek=8 count=1' 'bs=512 seek=9 count=1' 'bs=512 count=20' 'bs=1536 seek=2 count=2' \
	'bs=4096 seek=1 count=1' 'bs=5120 count=1'; do
	w 25 "$how conv=notrunc oflag=direct"
done
# Else blocks of 4096 bytes: a part of one is written when the rest of it was read.
for how in 'bs=4096 seek=1 count=1' 'bs=8192 count=1' 'bs=12000 count=1' 'bs=512 seek=7 count=1'; do
	w 24 "$how conv=notrunc"; w 24 "$how conv=notrunc,fsync"
done
for how in 'bs=512 seek=9 count=1' 'bs=1000 seek=4 count=1' 'bs=5120 count=1'; do
	w 24 "$how conv=notrunc"
done
x dmsetup remove e
