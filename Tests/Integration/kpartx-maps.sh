#!/usr/bin/env bash
# As: root
# kpartx tells its own maps from those that only look like partitions: it deletes and renames what it
# made on a loop device, an image, or a mapped device, by whatever name, and leaves the others alone.
. "$(dirname "$0")/lib.sh"
need_command kpartx dmsetup sfdisk losetup
mount_here
on_mount() { soon "$DMFUSE" run -- "$@"; }
kpartx() { on_mount kpartx -s "$@" >said 2>&1 || fail "kpartx $*" "$(<said)"; }
# NAME...: just these are there, the mount's own nodes and the command's alike.
maps_are() {
    local wanted
    wanted=$(printf '%s\n' "$@" | LC_ALL=C sort)
    equal 'the maps' "$wanted" "$(on_mount ls /dev/mapper | grep -vx control | LC_ALL=C sort)"
    equal 'what dmfuse ls prints' "$wanted" "$(dmfuse ls | cut -f 1 | LC_ALL=C sort)"
    on_mount bash -c 'for name; do [ -b "/dev/mapper/$name" ] || exit; done' - "$@" ||
        fail 'each is a block device'
}
# One partition, from 1 MiB to the end.
partition() { on_mount sfdisk -q -f "$1" <<<',+,' >said 2>&1 || fail "sfdisk $1" "$(<said)"; }

for disk in a b c; do
    truncate -s 64M "$disk"
    loop_over "$disk"
done
first=${loops[0]} second=${loops[1]} third=${loops[2]}
a=${first#/dev/} b=${second#/dev/} c=${third#/dev/}

# Two devices over both disks, one of them with a disk's name; a map that could be a partition, and one
# that a volume manager could have made.
spanning="0 131008 linear $first 32
131008 131008 linear $second 32"
on_mount dmsetup create span <<<"$spanning"
on_mount dmsetup create "$b" <<<"$spanning"
on_mount dmsetup create user --table "0 131008 linear $first 32"
on_mount dmsetup create vg-lv --uuid LVM-0123456789abcdef --table "0 65536 linear $third 2048"
ours=(span "$b" user vg-lv)
maps_are "${ours[@]}"
partition "$first"
partition "$second"

# By the image's name, by the loop device's; a partition table that is gone; a name that is a disk's.
kpartx -a -p -foo b
maps_are "${ours[@]}" "$b-foo1"
dd if=/dev/zero of="$second" bs=512 count=1 conv=fsync status=none
kpartx -d "$second"
maps_are "${ours[@]}"
partition "$second"
kpartx -a -p -foo b
kpartx -a -p -eggs "$first"
on_mount dmsetup rename "$a-eggs1" "$a"
maps_are "${ours[@]}" "$b-foo1" "$a"

# On mapped devices.
partition "/dev/mapper/$b"
kpartx -a -p -bar "/dev/mapper/$b"
kpartx -a -p -spam /dev/mapper/span
maps_are "${ours[@]}" "$b-foo1" "$a" "$b-bar1" span-spam1
kpartx -u /dev/mapper/span
maps_are "${ours[@]}" "$b-foo1" "$a" "$b-bar1" span1
kpartx -u -p -spam /dev/mapper/span
maps_are "${ours[@]}" "$b-foo1" "$a" "$b-bar1" span-spam1
kpartx -d /dev/mapper/span
maps_are "${ours[@]}" "$b-foo1" "$a" "$b-bar1"
kpartx -d "/dev/mapper/$b"
maps_are "${ours[@]}" "$b-foo1" "$a"

# Another delimiter is another name for the same partition. Added twice it is the same one.
kpartx -u -p -spam "$second"
maps_are "${ours[@]}" "$b-spam1" "$a"
kpartx -u "$second"
maps_are "${ours[@]}" "${b}p1" "$a"
kpartx -a "$second"
maps_are "${ours[@]}" "${b}p1" "$a"
kpartx -u -p spam "$second"
maps_are "${ours[@]}" "${b}spam1" "$a"

# Only -f takes maps that kpartx didn't make.
kpartx -d "$third"
kpartx -d "$second"
kpartx -d "$first"
maps_are "${ours[@]}"
partition "$third"
kpartx -f -d "$third"
maps_are span "$b" user

# A partition that is in use stays, and is gone when it isn't.
kpartx -a "$second"
hold_open "$(device "${b}p1")"
! on_mount kpartx -s -d "$second" >said 2>&1 || fail 'a partition in use is deleted' "$(<said)"
maps_are span "$b" user "${b}p1"
let_go $!
eventually 'nobody has it' eval '[ "$(dmfuse info -c --noheadings -o open "${b}p1")" = 0 ]'
kpartx -d "$second"
maps_are span "$b" user
on_mount dmsetup remove span "$b" user
prints 'No devices found' dmfuse ls
unmount_here
