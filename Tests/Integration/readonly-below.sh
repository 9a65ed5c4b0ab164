#!/usr/bin/env bash
# As: root
# The file system below turns read-only, or the file itself becomes immutable, under a live table: reads
# go on, changes are EIO, what was lost is told to each opener once, a table that would write is refused
# with the system's own errno, and the other devices know nothing of it.
# (vanished has a file system that turns read-only by an error.)
. "$(dirname "$0")/lib.sh"
need_command losetup mkfs.ext4 chattr
need_helper openers
mount_here
make_file disk 131072
loop=$(losetup -f --show disk 2>/dev/null) || skip "loop devices aren't permitted here"
loops+=("$loop")
quietly mkfs.ext4 -q "$loop"
mkdir fs
mount "$loop" fs || skip "ext4 can't be mounted here"
make_random copy 2048
make_random other 64
cp copy fs/a
dmfuse create other --table "0 64 linear $PWD/other 0"
table="0 2048 linear $PWD/fs/a 0"
d=$(device d)
others_work() {
    same 'another device' other "$(device other)"
    dd if=other of="$(device other)" bs=4k count=1 conv=notrunc,fsync status=none || fail 'another device'
}
reads_work() {
    same 'reads' copy "$d"
    same 'reads past the cache' copy <(dd if="$d" bs=64k iflag=direct status=none)
}
is_eio() { fails_like '*Input/output error' "$@"; }
changes_are_eio() {
    is_eio dd if=other of="$d" bs=4k count=1 conv=notrunc,fsync
    is_eio dd if=other of="$d" bs=4k count=1 conv=notrunc oflag=direct
    is_eio fallocate -p -n -o 64k -l 4k "$d"
    is_eio fallocate -z -n -o 64k -l 4k "$d"
}

# A table that writes keeps the file system writable; one that reads doesn't.
dmfuse create d --table "$table"
fails_like '*busy*' mount -o remount,ro fs
dd if=copy of="$d" bs=64k conv=notrunc,fsync status=none
dmfuse remove d
dmfuse create d --readonly --table "$table"
hold_open "$d"
opener=$!
mount -o remount,ro fs
reads_work
error='Read-only file system'
refused="$PWD/fs/a: $error: it can be had read-only, with --readonly"
refuses "dmfuse: load d: $error: linear: Device lookup failed ($refused)" dmfuse load d --table "$table"
refuses "dmfuse: create e: $error: linear: Device lookup failed ($refused)" dmfuse create e --table "$table"
prints '' dmfuse load d --readonly --table "$table"
prints '' dmfuse resume d
fails_like '*Operation not permitted' dd if=other of="$d" bs=4k count=1 conv=notrunc
reads_work
others_work
mount -o remount,rw fs
dmfuse load d --table "$table"
dmfuse resume d
dd if=copy of="$d" bs=64k conv=notrunc,fsync status=none
reads_work
let_go "$opener"

# Immutable: open files don't keep that back.
mkfifo questions answers
"$helpers/openers" "$d" <questions >answers &
openers=$!
exec 8>questions 9<answers
asked() {
    local said
    echo "$2" >&8
    read -r -t "$patience" said <&9 || fail "no answer: $2"
    equal "$2" "$1" "$said"
}
mkfifo more-questions more-answers
"$helpers/openers" "$d" <more-questions >more-answers &
more=$!
exec 6>more-questions 7<more-answers
asked 512 'mapped 4096 1'
asked 0 sync
cp fs/a copy
chattr +i fs/a || skip 'this file system has no immutable files'
changes_are_eio
reads_work
asked EIO 'cached 8192 3'
asked EIO 'direct 8192 3'
# Another's write through the cache was lost: each is told so, once.
asked EIO sync
echo sync >&6
read -r -t "$patience" said <&7
equal 'the other opener, of that' EIO "$said"
# What a mapping changed is lost: each is told so, once.
asked 512 'mapped 8192 3'
asked EIO sync
asked 0 sync
echo sync >&6
read -r -t "$patience" said <&7
equal 'the other opener' EIO "$said"
echo sync >&6
read -r -t "$patience" said <&7
equal 'the other opener, again' 0 "$said"
error='Operation not permitted'
refused="$PWD/fs/a: $error: it can be had read-only, with --readonly"
others_work
chattr -i fs/a
# The same table goes on.
dd if=copy of="$d" bs=64k conv=notrunc,fsync status=none
reads_work
exec 8>&- 9<&- 6>&- 7<&-
ends_with 0 "$openers"
ends_with 0 "$more"
dmfuse remove --retry d

# A table that would write an immutable file.
chattr +i fs/a
refuses "dmfuse: create d: $error: linear: Device lookup failed ($refused)" dmfuse create d --table "$table"
prints '' dmfuse create d --readonly --table "$table"
reads_work
refuses "dmfuse: load d: $error: linear: Device lookup failed ($refused)" dmfuse load d --table "$table"
dmfuse remove d
chattr -i fs/a
umount fs
loop_off
dmfuse remove other
unmount_here
