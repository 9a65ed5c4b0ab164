#!/usr/bin/env bash
# The life of a device: created, looked at, renamed, given another table, suspended, removed; and
# each step shows at once in the mount.
. "$(dirname "$0")/lib.sh"
mount_here
make_file a 4096
make_file b 4096

prints 'No devices found' dmfuse ls
prints control ls "$mnt/mapper"
prints '' dmfuse create one --table "0 1024 linear $PWD/a 16"
number=$(dmfuse info -c --noheadings -o major,minor one)
major=${number%%:*} minor=${number##*:}
prints "one	($number)" dmfuse ls
prints $'control\none' ls "$mnt/mapper"
prints "../dm-$minor" readlink "$mnt/mapper/one"
prints $((1024 * 512)) stat -c %s "$mnt/dm-$minor"
ahead=$(($(cat "/sys/class/bdi/$(mountpoint -d "$mnt")/read_ahead_kb") * 2))
! is_root || equal 'sectors that the kernel reads ahead' 512 "$ahead"
prints "Name:              one
State:             ACTIVE
Read Ahead:        $ahead
Tables present:    LIVE
Open count:        0
Event number:      0
Major, minor:      $major, $minor
Number of targets: 1" dmfuse info one
prints "one:$major:$minor:L--w:0:1:0:" \
    dmfuse info -c --noheadings -o name,major,minor,attr,open,segments,events,uuid one
prints '0 1024 linear ' dmfuse status one

prints '' dmfuse rename one two
prints $'control\ntwo' ls "$mnt/mapper"
refuses 'dmfuse: table one: No such device or address' dmfuse table one
prints '' dmfuse rename two --setuuid UUID-1
prints two dmfuse info -c --noheadings -o name -u UUID-1
prints two dmfuse info -c --noheadings -o name -j "$major" -m "$minor"
refuses 'dmfuse: rename two: Invalid argument: Unable to change uuid of mapped device two to UUID-2 because uuid is already set to UUID-1' \
    dmfuse rename two --setuuid UUID-2

# A table waits in the inactive slot until resume; clear drops it.
table=$(dmfuse table two)
prints '' dmfuse load two --table "0 512 linear $PWD/b 0
512 1024 linear $PWD/a 1024"
prints 'LI-w' dmfuse info -c --noheadings -o attr two
prints "$table" dmfuse table two
prints 2 eval 'dmfuse table --inactive two | wc -l'
prints '' dmfuse suspend two
prints 'LIsw' dmfuse info -c --noheadings -o attr two
prints '' dmfuse suspend two
prints '' dmfuse resume two
prints 'L--w' dmfuse info -c --noheadings -o attr two
prints $((1536 * 512)) stat -c %s "$mnt/dm-$minor"
prints '' dmfuse resume two
prints '' dmfuse load two --table '0 8 zero'
prints '' dmfuse clear two
prints 'L--w' dmfuse info -c --noheadings -o attr two
prints $((1536 * 512)) stat -L -c %s "$mnt/mapper/two"

prints '' dmfuse remove two
prints control ls "$mnt/mapper"
[ ! -e "$mnt/dm-$minor" ] || fail "dm-$minor is still there"
refuses 'dmfuse: remove two: No such device or address' dmfuse remove two

# Without a table a device is there, and holds nothing.
prints '' dmfuse create empty --notable
prints '' dmfuse table empty
prints 0 stat -L -c %s "$(device empty)"
prints '' dmfuse remove_all
prints 'No devices found' dmfuse ls
unmount_here
