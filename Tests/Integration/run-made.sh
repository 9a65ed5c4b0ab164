#!/usr/bin/env bash
# As: user
# What programs make in /dev without the right to: it is made in the mount, and found in /dev again.
. "$(dirname "$0")/lib.sh"
mount_here
make_random a 64
dmfuse create a --table "0 64 linear $PWD/a 0"
[ ! -w /dev ] || skip '/dev can be written to'
in_run() { dmfuse run -- "$@"; }
vg=dmfuse$$

in_run mkdir "/dev/$vg"
in_run ln -s /dev/mapper/a "/dev/$vg/lv"
prints ../mapper/a readlink "$mnt/$vg/lv"
same 'for programs of the machine' a "$mnt/$vg/lv"
same 'by its name in /dev' a <(in_run cat "/dev/$vg/lv")
in_run dd if=a of="/dev/$vg/lv" conv=notrunc status=none
in_run bash -c "cat a >/dev/$vg/lv"
prints /dev/mapper/a in_run readlink -f "/dev/$vg/lv"
prints 'block special file' in_run stat -L -c %F "/dev/$vg/lv"
prints lv in_run ls "/dev/$vg"
# Deeper ones, and other targets.
in_run mkdir -p "/dev/$vg/by/name"
in_run ln -s /dev/dm-0 "/dev/$vg/by/name/a"
prints ../../../dm-0 readlink "$mnt/$vg/by/name/a"
same 'a deeper link' a <(in_run cat "/dev//$vg/by/./name/a")
in_run ln -s /dev/null "/dev/$vg/null"
prints /dev/null readlink "$mnt/$vg/null"
# One that leads out of /dev again is still found in the mount alone.
in_run ln -s "$PWD/a" "/dev/$vg/out"
same 'a link out of /dev' a <(in_run cat "/dev/$vg/out")
same 'the same by a directory' a <(in_run cat "/dev/$vg/by/../out")
in_run rm "/dev/$vg/out"
in_run ln -s a "/dev/$vg/by/name/relative"
prints a readlink "$mnt/$vg/by/name/relative"
# As udev renews a link.
in_run ln -s /dev/mapper/other "/dev/$vg/.new"
in_run mv -T "/dev/$vg/.new" "/dev/$vg/lv"
prints ../mapper/other readlink "$mnt/$vg/lv"
in_run ln -sfn /dev/mapper/a "/dev/$vg/lv"
same 'a link that was made anew' a <(in_run cat "/dev/$vg/lv")
# By the C library through another language.
prints "['lv', 'null']" in_run perl -e '
    use POSIX; my $d = shift;
    symlink "/dev/mapper/a", "$d/x" or die $!; rename "$d/x", "$d/y" or die $!; unlink "$d/y" or die $!;
    opendir my $h, $d or die $!;
    print "[", join(", ", map { "\x27$_\x27" } sort grep { !/^\.|^by$/ } readdir $h), "]";' "/dev/$vg"

# What is in the way is told; what can't be there either is refused as it would be without us.
fails_like '*File exists' in_run mkdir "/dev/$vg"
fails_like '*File exists' in_run ln -s x "/dev/$vg/lv"
fails_like '*File exists' in_run mkdir /dev/null
fails_like '*Permission denied' in_run touch "/dev/$vg.file"
fails_like '*Permission denied' in_run mkdir "/dev/../$vg"
fails_like '*Operation not permitted' in_run touch "/dev/$vg/file"
fails_like '*No such file or directory' in_run mkdir "/dev/$vg/none/x"
fails_like '*Operation not permitted' in_run mkdir /dev/dm-7
fails_like '*Directory not empty' in_run rmdir "/dev/$vg"
[ ! -e "$mnt/../$vg" ] || fail 'something was made beside the mount'

in_run rm -r "/dev/$vg"
prints $'block\ndm-0\nmapper\nproc' ls "$mnt"
unmount_here
