#!/usr/bin/env bash
# As: root
# What a file system on a mapped device shows in /sys/fs is found, and set, by the mapped device's names:
# by dm-N as with the kernel's device-mapper, and by the name of its node.
. "$(dirname "$0")/lib.sh"
need_command losetup mkfs.ext4 mkfs.xfs
mount_here
memory_here
on_mount() { soon "$DMFUSE" run -- "$@"; }
mkdir on

# KIND FILE: a file of /sys/fs/KIND/DEVICE that can be written.
file_system() {
    local kind=$1 file=$2 number names loop real name
    has_file_system "$kind" || return 0
    make_file "memory/$kind" 655360
    dmfuse create "of-$kind" --table "0 655360 linear $PWD/memory/$kind 0"
    number=$(dmfuse info -c --noheadings -o minor "of-$kind")
    names=("dm-$number" "of-$kind")
    quietly on_mount "mkfs.$kind" -q "/dev/mapper/of-$kind"
    for name in "${names[@]}"; do
        ! on_mount ls "/sys/fs/$kind/$name" >said 2>&1 || fail "$name is there, unmounted"
    done
    on_mount mount "/dev/mapper/of-$kind" on
    loop=$(losetup -n -O NAME -j "$mnt/dm-$number")
    real=/sys/fs/$kind/${loop#/dev/}
    for name in "${names[@]}"; do
        prints "$(ls "$real")" on_mount ls "/sys/fs/$kind/$name"
        on_mount bash -c 'echo 7 >"$1"' - "/sys/fs/$kind/$name/$file"
        prints 7 cat "$real/$file"
        prints 7 on_mount cat "/sys//fs/$kind//$name/$file"
        echo 5 >"$real/$file"
    done
    # A name that isn't a device's, and a loop device's own.
    ! on_mount ls "/sys/fs/$kind/of-none" >said 2>&1 || fail 'of-none is there'
    prints 5 on_mount cat "$real/$file"
    # What the kernel has there isn't the device of that name.
    if [ -d "/sys/fs/$kind/features" ]; then
        dmfuse rename "of-$kind" features
        prints "$(ls "/sys/fs/$kind/features")" on_mount ls "/sys/fs/$kind/features"
        dmfuse rename features "of-$kind"
    fi
    on_mount umount on
    for name in "${names[@]}"; do
        ! on_mount ls "/sys/fs/$kind/$name" >said 2>&1 || fail "$name is there, unmounted again"
    done
    dmfuse remove --retry "of-$kind"
    rm "memory/$kind"
}
file_system ext4 mb_stream_req
file_system xfs error/metadata/EIO/max_retries
unmount_here
