#!/usr/bin/env bash
# error fails every read and write with EIO, zero reads as zeros and swallows writes; also as parts
# of a device, where the other parts go on.
. "$(dirname "$0")/lib.sh"
mount_here
make_random a 64
cp a a.before

dmfuse create e --table '0 100 error'
prints '0 100 error ' dmfuse table e
prints '0 100 error ' dmfuse status e
for flag in '' direct; do
    fails_like '*Input/output error' dd if="$(device e)" of=/dev/null bs=4k count=1 ${flag:+iflag=$flag}
    fails_like '*Input/output error' \
        dd if=/dev/zero of="$(device e)" bs=4k count=1 conv=notrunc,fsync ${flag:+oflag=$flag}
done

dmfuse create z --table '0 100 zero'
prints '0 100 zero ' dmfuse table z
dd if=/dev/urandom of="$(device z)" bs=512 count=100 conv=notrunc,fsync status=none
same 'zeros, cached' <(head -c 51200 /dev/zero) "$(device z)"
same 'zeros, direct' <(head -c 51200 /dev/zero) <(dd if="$(device z)" bs=1M iflag=direct status=none)

# 32 good sectors, 16 bad ones, 32 good ones. A read across the border fails; the good parts
# are as good as ever.
dmfuse create mixed <<TABLE
0 32 linear $PWD/a 0
32 16 error
48 32 linear $PWD/a 32
TABLE
same 'before the bad part' <(sectors a 0 32) <(dd if="$(device mixed)" bs=8b count=4 iflag=direct status=none)
fails_like '*Input/output error' dd if="$(device mixed)" of=/dev/null bs=80b count=1 iflag=direct
fails_like '*Input/output error' dd if="$(device mixed)" of=/dev/null bs=8b skip=4 count=1 iflag=direct
same 'behind the bad part' <(sectors a 32 32) <(dd if="$(device mixed)" bs=8b skip=6 iflag=direct status=none)
fails_like '*Input/output error' dd if=/dev/zero of="$(device mixed)" bs=8b seek=4 count=1 oflag=direct conv=notrunc
same 'the file was not written' a.before a

# remove --force of an open device puts in an error table, and fails.
exec 3<"$(device z)"
refuses 'dmfuse: remove z: Device or resource busy' dmfuse remove --force z
prints '0 100 error ' dmfuse table z
fails_like '*Input/output error' dd bs=4k count=1 iflag=direct of=/dev/null if="$(device z)"
exec 3<&-
prints '' dmfuse remove z
unmount_here
