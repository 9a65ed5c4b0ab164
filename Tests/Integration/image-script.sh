#!/usr/bin/env bash
# As: root
# A script as people have it runs unchanged: a partitioned image with two file systems is made, filled,
# one of them is moved to another disk while it is mounted, and all is taken down again.
. "$(dirname "$0")/lib.sh"
need_command truncate sfdisk kpartx mkfs.ext4 mkfs.xfs losetup dmsetup findmnt e2fsck xfs_repair
for kind in ext4 xfs; do has_file_system "$kind" || skip "$kind isn't there"; done
mount_here
memory_here 2g
cat >make-image <<'END'
#!/bin/bash
# make-image IMAGE FILES ROOT: an image with a boot and a data partition, with FILES in both.
set -euo pipefail
image=$1 files=$2 root=$3
moved=$image.moved
mkdir -p "$root"

truncate -s 512M "$image"
sfdisk -q "$image" <<TABLE
label: gpt
size=64M, name=boot
name=data
TABLE

loop=$(kpartx -avs "$image" | sed -n 's/^add map \(loop[0-9]*\)p1 .*/\1/p')
boot=/dev/mapper/${loop}p1
data=/dev/mapper/${loop}p2
[ -b "$boot" ] && [ -b "$data" ]
trap 'umount -qR "$root" || true; kpartx -ds "$image"' EXIT

mkfs.ext4 -q -L boot "$boot"
mkfs.xfs -q -L data "$data"
mount "$data" "$root"
mkdir "$root/boot"
mount "$boot" "$root/boot"
cp -a "$files"/. "$root/boot/"
cp -a "$files" "$root/files"
findmnt -n -o FSTYPE "$root"
findmnt -n -o FSTYPE "$root/boot"

# The data go to another disk, under the file system.
sync -f "$root"
size=$(blockdev --getsz "$data")
truncate -s $((size * 512)) "$moved"
disk=$(losetup -f --show "$moved")
dmsetup suspend "${loop}p2"
dd if=/dev/"$loop" of="$disk" bs=1M skip=$((65 << 20)) count=$((size * 512)) \
    iflag=skip_bytes,count_bytes conv=fsync status=none
dmsetup load "${loop}p2" --table "0 $size linear $disk 0"
dmsetup resume "${loop}p2"
cp -a "$files" "$root/again"

umount "$root/boot"
umount "$root"
dmsetup remove "${loop}p2"
losetup -d "$disk"
END
lines=$(grep -cvE '^(#.*)?$' make-image)
[ "$lines" -le 40 ] || fail "the script has $lines lines"

mkdir files
make_random files/a 4097
make_random files/b 1
loop_over files/a
loop_off
(cd memory && soon "$DMFUSE" run -- bash ../make-image image ../files root) >said 2>&1 || fail 'the script' "$(<said)"
equal 'the mounts' 'xfs
ext4' "$(grep -E '^(xfs|ext4)' said)"
prints 'No devices found' dmfuse ls
prints '' losetup -n -O NAME -j memory/image
prints '' losetup -n -O NAME -j memory/image.moved
is_mounted "$PWD/memory/root" && fail 'something is still mounted there'

# What the machine's own kernel finds on the disks.
loop_over memory/image --offset $((1 << 20)) --sizelimit $((64 << 20)) --read-only
quietly e2fsck -fn "$loop"
mount -o ro,noload "$loop" memory/root
diff -r files memory/root --exclude lost+found
umount memory/root
loop_off
loop_over memory/image.moved --read-only
quietly xfs_repair -n "$loop"
mount -o ro,norecovery "$loop" memory/root
diff -r files memory/root/files
diff -r files memory/root/again
umount memory/root
loop_off
unmount_here
