#!/usr/bin/env bash
# A device is a plain file of its exact size: reads end there, writes across the end are cut short,
# at the end there is no space left, and truncation changes nothing.
. "$(dirname "$0")/lib.sh"
mount_here
make_random a 200
dmfuse create d --table "0 100 linear $PWD/a 8"
d=$(device d)
sectors a 8 100 >expected

prints fuse.dmfuse sed -nE "s|.* $mnt .* - ([^ ]+) .*|\\1|p" /proc/self/mountinfo
prints 51200 stat -L -c %s "$d"
prints 'regular file' stat -L -c %F "$d"
prints 'symbolic link' stat -c %F "$d"
for flag in '' direct; do
    read=${flag:+iflag=$flag} write=${flag:+oflag=$flag}
    dd if=expected of="$d" bs=64k conv=notrunc status=none
    # shellcheck disable=SC2086
    {
        same "all of it, $flag" expected <(dd if="$d" bs=64k $read status=none)
        prints 512 eval "dd if=$d bs=512 skip=99 count=2 $read status=none | wc -c"
        prints 0 eval "dd if=$d bs=512 skip=100 count=1 $read status=none | wc -c"
        # dd itself refuses to skip behind the end of a regular file.
        dd if=/dev/zero bs=512 count=1 of="$d" seek=99 conv=notrunc $write status=none
        said=$(dd if=/dev/zero of="$d" bs=512 seek=99 count=2 conv=notrunc $write status=noxfer 2>&1) &&
            fail 'a write at the end succeeded'
        [[ $said == *'No space left on device'*'2+0 records in'*'1+0 records out' ]] || fail "$said"
        # Cut short at the end, and then no space for the rest.
        said=$(dd if=/dev/zero of="$d" bs=64k conv=notrunc $write status=noxfer 2>&1) &&
            fail 'a write across the end succeeded'
        [[ $said == *'No space left on device'*'1+0 records in'*'0+0 records out' ]] || fail "$said"
        fails_like '*No space left on device' dd if=/dev/zero of="$d" bs=512 seek=100 count=1 conv=notrunc $write
        same "what lies behind the device in the file, $flag" <(sectors a 108 92) <(tail -c $((92 * 512)) a)
    }
done
zeros 'what was written across the end is there' a 8 100
prints 'abc' eval "printf abc | dd of=$d bs=1 seek=511 conv=notrunc status=none; dd if=a bs=1 skip=$((8 * 512 + 511)) count=3 status=none"

# Truncation succeeds, as on a device, and changes nothing.
: >"$d"
truncate -s 0 "$d"
truncate -s 1G "$d"
prints 51200 stat -L -c %s "$d"
prints 'abc' dd if="$d" bs=1 skip=511 count=3 status=none
cp expected "$d"
same 'cp onto a device' expected <(sectors a 8 100)
prints $((200 * 512)) stat -c %s a

# A seek to the end finds the size; a device without a table has none.
prints 51200 eval "tail -c +1 $d | wc -c"
dmfuse create empty --notable
prints 0 eval "wc -c < $(device empty)"
fails_like '*No space left on device' dd if=/dev/zero of="$(device empty)" bs=512 count=1 conv=notrunc
# The size follows the table, for those who have it open, too.
exec 3<"$d"
dmfuse load d --table "0 40 linear $PWD/a 0"
dmfuse resume d
prints 20480 stat -L -c %s "$d"
prints 20480 eval 'wc -c <&3'
exec 3<&-
unmount_here
