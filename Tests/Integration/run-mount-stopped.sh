#!/usr/bin/env bash
# As: root
# File systems of a mount are mounted under `dmfuse run` whatever became of another mount, of which one is mounted
# too: its daemon isn't asked.
. "$(dirname "$0")/lib.sh"
need_command mkfs.ext4 losetup
has_file_system ext4 || skip 'ext4 is needed'
mount_here
need_loops
export LIBMOUNT_MTAB=/proc/self/mounts
mkdir on other
is_stopped() { grep -q '^State:.T' "/proc/$1/status"; }
# While it can be: mkfs itself asks every loop device that is mounted.
for place in on other; do
    make_file "$place.file" 20000
    quietly mkfs.ext4 -q -F "$place.file"
done
# PLACE: makes a device, and mounts its file system.
mount_one() {
    dmfuse create one --table "0 20000 linear $PWD/$1.file 0"
    prints '' soon "$DMFUSE" run -- mount /dev/mapper/one "$1"
}
mount_one other
other=$mnt other_daemon=$daemon
mount_here
kill -STOP "$other_daemon"
eventually 'it is stopped' is_stopped "$other_daemon"
mount_one on
# The mount by another path: still one loop device for a device.
mkdir same second
mount --bind "$mnt" same
prints '' soon "$DMFUSE" run --dir "$PWD/same" -- mount /dev/mapper/one second
equal 'the loop device of both' "$(findmnt -n -o SOURCE on)" "$(findmnt -n -o SOURCE second)"
prints '' soon "$DMFUSE" run -- umount second on
umount same
dmfuse remove --retry one
unmount_here
kill -CONT "$other_daemon"
prints '' soon "$DMFUSE" run --dir "$other" -- umount other
dmfuse remove --dir "$other" --retry one
dmfuse unmount "$other"
ends_with 0 "$other_daemon"
