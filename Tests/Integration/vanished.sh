#!/usr/bin/env bash
# The file system below a device dies, turns read-only, is pulled away or leaves the tree: the reader
# gets EIO as of a disk, nothing that fsync acknowledged is missing afterwards, the other devices know
# nothing of it, and everything can be removed.
. "$(dirname "$0")/lib.sh"
on() { DM_DEV_DIR=$1 "$DMFUSE" "${@:2}"; }
make_random patch 8
make_random late 8
make_random other 1024

# COMMAND...: EIO.
is_eio() { fails_like '*Input/output error' soon "$@"; }
# All ways in which d can be used, but for reading what is cached.
all_is_eio() {
    is_eio dd if="$d" of=/dev/null bs=4k skip=500 count=1 iflag=direct
    is_eio dd if="$d" of=/dev/null bs=128k skip=14 count=1 iflag=direct
    only_reads_work
}
only_reads_work() {
    is_eio dd if=late of="$d" bs=4k seek=2 conv=notrunc,fsync
    is_eio dd if=late of="$d" bs=4k seek=2 conv=notrunc oflag=direct
    is_eio dd if=late of="$d" bs=4k seek=2 conv=notrunc oflag=direct,dsync
    is_eio fallocate -p -n -o 1M -l 4k "$d"
    is_eio fallocate -z -n -o 1M -l 4k "$d"
    is_eio sync "$d"
    others_work
}
others_work() {
    soon cmp other "$(device other)" || fail 'another device fails, too'
    soon dd if="$(device other)" of="$(device other)" bs=4k count=1 conv=notrunc,fsync \
        status=none || fail 'another device fails, too'
    local command
    for command in ls info table status deps; do
        soon "$DMFUSE" $command >stdout || fail "no answer: $command"
    done
}

# A FUSE file system whose daemon is killed, with a read under way. It is one of ours.
make_random a 4096
cp a copy
mount_here
lower=$mnt lower_daemon=$daemon
on "$lower" create below --table "0 4096 linear $PWD/a 0"
mount_here
d=$(device d)
dmfuse create d --table "0 4096 linear $lower/mapper/below 0"
dmfuse create other --table "0 1024 linear $PWD/other 0"
same 'over another mount' <(sectors copy 0 8) <(sectors "$d" 0 8)
dd if=patch of="$d" bs=4k seek=1 conv=notrunc,fsync status=none
on "$lower" suspend below
start dd if="$d" of=/dev/null bs=4k skip=300 count=1 iflag=direct status=none 2>said
reader=$!
eventually 'the read is under way' is_held "$reader" 0
kill -9 "$lower_daemon"
ends_with 137 "$lower_daemon"
ends_with 1 "$reader"
[[ $(<said) == *'Input/output error' ]] || fail 'the read under way' "$(<said)"
all_is_eio
same 'what was flushed' <(sectors a 8 8) patch
# Its successor is another file system: a new table finds it.
here=$mnt here_daemon=$daemon
mount_at "$lower"
lower_daemon=$daemon mnt=$here daemon=$here_daemon DM_DEV_DIR=$here
on "$lower" create below --table "0 4096 linear $PWD/a 0"
all_is_eio
dmfuse load d --table "0 4096 linear $lower/mapper/below 0"
dmfuse resume d
same 'through the new table' a "$d"
dmfuse remove d
on "$lower" remove below
on "$lower" unmount "$lower"
ends_with 0 "$lower_daemon"

# The rest is for those who mount disks.
is_root || { unmount_here && exit; }
need_command losetup
need_helper vanish
mkdir fs
# TYPE: a disk with that file system and a file in it.
disk_here() {
    quietly rm -f disk
    truncate -s 400M disk
    loop_over disk
    quietly "mkfs.$1" -q "$loop"
    mount "$loop" fs
    cp copy fs/a
    sync -f fs
    umount fs
    mount "$loop" fs
    dmfuse create d --table "0 4096 linear $PWD/fs/a 0"
    dd if=patch of="$d" bs=4k seek=1 conv=notrunc,fsync status=none
}
# What is there when the disk is looked at again.
disk_after() {
    dmfuse suspend d
    dmfuse resume d
    dmfuse remove d
    umount fs
    mount "$loop" fs
    same 'what was flushed' <(sectors fs/a 8 8) patch
    same 'the rest' <(sectors fs/a 24 4000) <(sectors copy 24 4000)
}
disk_gone() {
    umount fs
    loop_off
}
has_filesystem() { grep -qw "$1" /proc/filesystems && command -v "mkfs.$1" >/dev/null; }

for type in ext4 xfs; do
    has_filesystem "$type" || { note "no $type here" && continue; }
    # Pulled away.
    disk_here "$type"
    dd if=late of="$d" bs=4k seek=2 conv=notrunc status=none
    if "$helpers/vanish" fs; then all_is_eio; else note "$type can't be ended here"; fi
    disk_after
    disk_gone
done

if has_filesystem ext4; then
    # It finds itself damaged, and goes read-only, which open files for writing don't prevent.
    disk_here ext4
    mount -o remount,errors=remount-ro fs
    dd if=late of="$d" bs=4k seek=2 conv=notrunc status=none
    trigger=/sys/fs/ext4/${loop#/dev/}/trigger_fs_error
    if [ -w "$trigger" ]; then
        echo 1 >"$trigger"
        fails_like '*Read-only file system' touch fs/b
        only_reads_work
        same 'what can be read' <(sectors copy 3000 8) \
            <(dd if="$d" bs=4k skip=375 count=1 iflag=direct status=none)
    fi
    disk_after

    # It leaves the tree (umount -l). What has it open keeps it; then it goes.
    dmfuse create d --table "0 4096 linear $PWD/fs/a 0"
    umount -l fs
    dd if=late of="$d" bs=4k seek=2 conv=notrunc,fsync status=none
    others_work
    dmfuse remove d
    eventually 'the file system is gone' [ ! -e "/proc/fs/ext4/${loop#/dev/}" ]
    mount "$loop" fs
    same 'written meanwhile' <(sectors fs/a 16 8) late
    disk_gone
fi
dmfuse remove other
unmount_here
