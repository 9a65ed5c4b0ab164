#!/usr/bin/env bash
# A device is its user's alone, 0600; a read-only one is 0400 and fails writes with EPERM.
. "$(dirname "$0")/lib.sh"
mount_here
make_random a 64
cp a a.before
dmfuse create rw --table "0 64 linear $PWD/a 0"
dmfuse create ro --readonly --table "0 64 linear $PWD/a 0"
prints "600 $(id -u) $(id -g)" stat -L -c '%a %u %g' "$(device rw)"
prints "400 $(id -u) $(id -g)" stat -L -c '%a %u %g' "$(device ro)"
prints 'L--r' dmfuse info -c --noheadings -o attr ro
same 'reading a read-only device' a "$(device ro)"
# Root is let through by the mode, and refused by the device, as with a read-only block device.
wanted='*Permission denied'
! is_root || wanted='*Operation not permitted'
for flag in '' direct; do
    fails_like "$wanted" dd if=/dev/zero of="$(device ro)" bs=4k count=1 conv=notrunc,fsync ${flag:+oflag=$flag}
done
same 'the file' a.before a
# A device becomes read-only with its table, while it is open.
exec 3<>"$(device rw)"
dmfuse load rw --readonly --table "0 64 linear $PWD/a 0"
dmfuse resume rw
prints 400 stat -L -c %a "$(device rw)"
fails_like '*Operation not permitted' eval 'dd if=/dev/zero bs=4k count=1 conv=notrunc >&3'
exec 3>&-
same 'the file' a.before a

# Nothing else can be made or changed in the mount.
for command in "touch $mnt/x" "mkdir $mnt/mapper/x" "rm -f $(device rw)" "ln -s x $mnt/x" \
    "mv $(device rw) $mnt/mapper/y" "ln $mnt/dm-0 $mnt/x"; do
    # shellcheck disable=SC2086
    fails_like '*Operation not permitted' $command
done
unmount_here
