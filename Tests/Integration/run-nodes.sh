#!/usr/bin/env bash
# As: root
# Nodes of the mount's numbers that were made elsewhere lead to it, as those of a kernel's devices do:
# libdevmapper makes them in whatever device directory it is given.
. "$(dirname "$0")/lib.sh"
need_command dmsetup losetup mkfs.ext4
mount_here
on_mount() { soon "$DMFUSE" run -- "$@"; }
make_random bytes 65536
make_file image 65536
on_mount dmsetup create one --table "0 65536 linear $PWD/image 0"
number=$(on_mount dmsetup info -c --noheadings -o major,minor --separator ' ' one)

# One made by hand: written also as shells and dd do, which would make a file that isn't there.
on_mount bash -c 'mknod node b $1' - "$number"
on_mount dd if=bytes of=node bs=1M oflag=direct status=none
same 'what was written' bytes image
on_mount bash -c 'head -c 512 /dev/zero >node'
zeros 'what a redirection wrote' image 0 1
prints 65536 on_mount blockdev --getsz node
equal 'its type' 'block special file' "$(on_mount stat -c %F node)"
loop=$(on_mount losetup -f --show node)
loops+=("$loop")
equal 'a loop device over it' "$mnt/dm-${number#* }" "$(backing_of "$loop")"
loop_off
if has_file_system ext4; then
    quietly on_mount mkfs.ext4 -q node
    mkdir on
    on_mount mount node on
    equal 'what is mounted' /dev/mapper/one "$(on_mount findmnt -n -o SOURCE on)"
    on_mount umount on
fi

# A device directory of somebody's own, with a control device of its own.
on_mount env DM_DEV_DIR="$PWD/own" bash -c '
    mkdir -p own/mapper
    dmsetup create two --table "0 64 zero"
    [ -c own/mapper/control ] && [ -b own/mapper/two ]
    dd if=own/mapper/two bs=512 count=64 status=none | cmp -n 32768 - /dev/zero
    dmsetup rename two three
    [ ! -e own/mapper/two ] && [ -b own/mapper/three ]
    dmsetup remove three
    [ ! -e own/mapper/three ]' || fail 'a device directory of its own'
prints "one	(${number/ /:})" dmfuse ls
# Nothing is there any more.
dmfuse remove --retry one
! on_mount dd if=node of=/dev/null count=1 2>said || fail 'a device that is gone is read'
unmount_here
