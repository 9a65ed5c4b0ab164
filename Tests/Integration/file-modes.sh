#!/usr/bin/env bash
# A device is its user's alone, 0600, unless it is made otherwise; a read-only one is 0400 and fails
# writes with EPERM.
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

# Another owner or mode, from the start; it stays with the device, whatever its name and table are.
user=$(id -u) group=$(id -g)
! is_root || user=1000 group=1001
dmfuse create given --uid "$user" --gid "$group" --mode 0640 --table '0 8 zero'
prints "640 $user $group" stat -L -c '%a %u %g' "$(device given)"
dmfuse rename given renamed
dmfuse load renamed --table '0 16 zero'
dmfuse resume renamed
dmfuse mknodes
prints "640 $user $group" stat -L -c '%a %u %g' "$(device renamed)"
dmfuse create mode -M 4711 --table '0 8 zero'
prints "4711 $(id -u) $(id -g)" stat -L -c '%a %u %g' "$(device mode)"
fails_like '*Invalid argument for --mode: 9. *' dmfuse create bad --mode 9 --table '0 8 zero'
if ! is_root; then
    # The device is there all the same, as with dmsetup.
    dmfuse create theirs --uid 0 --table '0 8 zero' 2>said
    grep -q 'chown failed: Operation not permitted' said || fail 'it was given away' "$(<said)"
    prints "600 $user $group" stat -L -c '%a %u %g' "$(device theirs)"
fi

# Nothing but links and directories can be made or changed in the mount (links.sh).
for command in "touch $mnt/x" "mkdir $mnt/mapper/x" "rm -f $(device rw)" "ln -s x $mnt/mapper/x" \
    "mv $(device rw) $mnt/mapper/y" "ln $mnt/dm-0 $mnt/x"; do
    # shellcheck disable=SC2086
    fails_like '*Operation not permitted' $command
done
unmount_here
