#!/usr/bin/env bash
# Below a device: its file is deleted, replaced, shortened; its file system is slow, fails, and comes
# back. The reader gets the right errno, and the rest of the tree knows nothing of it.
. "$(dirname "$0")/lib.sh"
mount_here
make_random a 1024
make_random other 1024
make_random patch 8
dmfuse create d --table "0 1024 linear $PWD/a 0"
dmfuse create other --table "0 1024 linear $PWD/other 0"
d=$(device d)

# Deleted: it is there as long as a table has it open.
cp a a.before
rm a
same 'a deleted file' a.before "$d"
dd if=patch of="$d" bs=4k seek=1 conv=notrunc,fsync status=none
same 'written to a deleted file' <(dd if="$d" bs=4k skip=1 count=1 status=none) patch
fails_like 'dmfuse: load d: No such device: *: No such file or directory)' dmfuse load d --table "0 1024 linear $PWD/a 0"

# Replaced: the table has the old one; a new table gets the new one.
make_random new 1024
mv new a
same 'the old file' <(dd if="$d" bs=4k skip=1 count=1 status=none) patch
dmfuse load d --table "0 1024 linear $PWD/a 0"
dmfuse resume d
same 'the new file' a "$d"

# Shortened: what is gone is EIO for reads and writes, in every way, and doesn't come back.
truncate -s 256K a
for flag in '' direct; do
    same "what is left $flag" <(head -c 256K a) \
        <(dd if="$d" bs=64k count=4 ${flag:+iflag=$flag} status=none)
    fails_like '*Input/output error' dd if="$d" of=/dev/null bs=4k skip=64 count=1 ${flag:+iflag=$flag}
    fails_like '*Input/output error' \
        dd if=patch of="$d" bs=4k seek=64 count=1 conv=notrunc,fsync ${flag:+oflag=$flag}
done
fails_like '*Input/output error' fallocate -p -n -o 262144 -l 4096 "$d"
fails_like '*Input/output error' fallocate -z -n -o 258048 -l 8192 "$d"
equal 'the file is no longer' 262144 "$(stat -c %s a)"
truncate -s 512K a
zeros 'what was gone' "$d" 512 512
same 'the rest of the tree' other "$(device other)"

# A file system that is slow, fails and goes: that of another daemon, whose device stands for a disk.
is_root || { unmount_here && exit; }
command -v mkfs.ext4 >/dev/null || skip "mkfs.ext4 isn't installed"
dmfuse remove d
upper=$mnt
upper_daemon=$daemon
mount_here
make_file disk 65536
dmfuse create disk --table "0 65536 linear $PWD/disk 0"
loop_here disk on
quietly mkfs.ext4 -q "$loop"
mkdir fs
mount "$loop" fs
make_random fs/a 4096
cp fs/a copy
sync -f fs
umount fs
mount "$loop" fs
lower=$mnt lower_daemon=$daemon
on() { DM_DEV_DIR=$1 "$DMFUSE" "${@:2}"; }
on "$upper" create slow --table "0 4096 linear $PWD/fs/a 0"
on "$lower" suspend disk
readers=()
# More than there are threads that serve the mount.
for i in {0..11}; do
    start dd if="$upper/mapper/slow" of="r$i" bs=128k skip="$i" count=1 iflag=direct status=none
    readers+=($!)
done
eventually 'the reads are under way' eval 'for r in "${readers[@]}"; do is_held "$r" 0 || false; done'
soon cmp other "$upper/mapper/other" || fail 'another device waits for the slow one'
soon dd if=patch of="$upper/mapper/other" bs=4k conv=notrunc,fsync status=none ||
    fail 'another device waits for the slow one'
for command in 'info slow' 'status' 'table slow' 'load slow --table "0 4096 zero"' 'clear slow'; do
    soon bash -c "DM_DEV_DIR=$upper $DMFUSE $command" >stdout || fail "no answer: $command"
done
still_run "${readers[@]}"
on "$lower" resume disk
for i in {0..11}; do
    ends_with 0 "${readers[i]}"
    same "read $i" "r$i" <(dd if=copy bs=128k skip="$i" count=1 status=none)
done

# It fails: what was only acknowledged by write is lost, and fsync says so.
on "$lower" wipe_table --noflush disk
fails_like '*Input/output error' dd if=patch of="$upper/mapper/slow" bs=4k seek=300 conv=notrunc,fsync
echo 1 >/proc/sys/vm/drop_caches
fails_like '*Input/output error' dd if="$upper/mapper/slow" of=/dev/null bs=4k skip=500 count=1 iflag=direct
soon dd if=patch of="$upper/mapper/other" bs=4k conv=notrunc,fsync status=none
same 'another device' <(sectors patch 0 8) <(sectors "$upper/mapper/other" 0 8)
on "$upper" remove slow
umount fs
loop_off
on "$lower" remove --retry disk
unmount_here
mnt=$upper daemon=$upper_daemon DM_DEV_DIR=$upper
unmount_here
