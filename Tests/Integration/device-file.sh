#!/usr/bin/env bash
# Every system call and ioctl does to a device's file what docs/device-file.md says: calls.file is what
# it found, calls.kernel the same of a device of the kernel. And modes, owners and times last.
. "$(dirname "$0")/lib.sh"
need_helper calls
here=$(dirname "$0")
mount_here
make_file a 16384
dmfuse create d --table "0 16384 linear $PWD/a 0"
d=$(device d)
soon "$helpers/calls" "$d" >found || fail 'a call hangs or crashes' "$(tail -n 1 found)"
# What the kernel answers itself, and differently by its version or to an ordinary user.
own='^(preadv2 RWF_NOWAIT|statx STATX_DIOALIGN|ioctl FIBMAP|fcntl F_SETLEASE|copy_file_range)'
same 'what calls came to' <(grep -Ev "$own" "$here/calls.file") <(grep -Ev "$own" found)

chmod 640 "$d"
touch -d '2001-02-03 04:05:06 UTC' "$d"
prints '640 981173106 981173106' stat -L -c '%a %X %Y' "$d"
dmfuse load d --readonly --table "0 16384 linear $PWD/a 0"
dmfuse resume d
prints 440 stat -L -c %a "$d"
dmfuse load d --table "0 16384 linear $PWD/a 0"
dmfuse resume d
prints 640 stat -L -c %a "$d"
before=$(stat -L -c %Y "$d")
[ "$before" -gt 981173106 ] || fail 'a new table left mtime as it was'
touch -d @1000 "$d"
printf x | dd of="$d" bs=1 conv=notrunc status=none
[ "$(stat -L -c %Y "$d")" -ge "$before" ] || fail 'a write left mtime as it was'
prints 1000 stat -L -c %X "$d"
dmfuse rename d e
prints 640 stat -L -c %a "$(device e)"
if is_root; then
    chown 7:8 "$(device e)"
    prints '640 7 8' stat -L -c '%a %u %g' "$(device e)"
else
    fails_like '*Operation not permitted' chown 7 "$(device e)"
fi
fails_like '*Operation not permitted' chmod 777 "$mnt/mapper"
dmfuse remove e
dmfuse create e --table "0 16384 linear $PWD/a 0"
prints "600 $(id -u) $(id -g)" stat -L -c '%a %u %g' "$(device e)"

# Zeros and holes reach the file.
head -c 8M /dev/urandom | dd of="$(device e)" bs=1M conv=notrunc status=none
before=$(du -k a | cut -f 1)
fallocate -p -n -o 1M -l 6M "$(device e)"
[ "$(du -k a | cut -f 1)" -lt "$before" ] || fail 'a discard gave nothing back'
zeros 'a hole' a 2048 12288
fallocate -z -n -o 512 -l 1024 "$(device e)"
zeros 'a zero range' a 1 2
dmfuse load e --readonly --table "0 16384 linear $PWD/a 0"
exec 3<>"$(device e)"
dmfuse resume e
# A descriptor of before is refused by the device; another is not given, but to root.
wanted='*Permission denied'
! is_root || wanted='*Operation not permitted'
fails_like "$wanted" fallocate -p -n -o 0 -l 4096 /dev/fd/3
exec 3>&-
unmount_here
