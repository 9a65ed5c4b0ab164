#!/usr/bin/env bash
# A linear device over parts of two files: what dd writes to the device, dd finds in the files.
. "$(dirname "$0")/lib.sh"
mount_here
make_random a 3000
make_random b 3000
cp a a.before
cp b b.before
dmfuse create lin <<TABLE
# the middle of a, then the beginning of b
0 1500 linear $PWD/a 777
1500 900 linear $PWD/b 0
TABLE
{ sectors a 777 1500 && sectors b 0 900; } >expected
same 'the device shows the files' expected "$(device lin)"

# One write across the border of the two, then single sectors and odd bytes.
head -c $((200 * 512)) /dev/urandom >patch
dd if=patch of="$(device lin)" bs=200b seek=1400b oflag=seek_bytes conv=notrunc status=none
same 'the end of the first part' <(sectors a 2177 100) <(sectors patch 0 100)
same 'the beginning of the second' <(sectors b 0 100) <(sectors patch 100 100)
printf 'HELLO' | dd of="$(device lin)" bs=1 seek=$((3 * 512 + 100)) conv=notrunc status=none
prints HELLO dd if=a bs=1 skip=$((780 * 512 + 100)) count=5 status=none
printf 'LAST' | dd of="$(device lin)" bs=1 seek=$((2400 * 512 - 4)) conv=notrunc status=none
prints LAST dd if=b bs=1 skip=$((900 * 512 - 4)) count=4 status=none

# Direct I/O goes past the cache, and both ways show the same.
head -c $((200 * 512)) /dev/urandom >patch
dd if=patch of="$(device lin)" bs=8b seek=175 count=25 oflag=direct conv=notrunc status=none
same 'a direct write, first part' <(sectors a 2177 100) <(sectors patch 0 100)
same 'a direct write, second part' <(sectors b 0 100) <(sectors patch 100 100)
{ sectors a 777 1500 && sectors b 0 900; } >expected
same 'cached reads' expected "$(device lin)"
same 'direct reads' expected <(dd if="$(device lin)" bs=64k iflag=direct status=none)
same 'reads of odd length' expected <(dd if="$(device lin)" bs=4999 status=none)

# Nothing outside was touched.
same 'a before its part' <(sectors a 0 777) <(sectors a.before 0 777)
same 'a behind its part' <(sectors a 2277 723) <(sectors a.before 2277 723)
same 'b behind its part' <(sectors b 900 2100) <(sectors b.before 900 2100)
prints $((3000 * 512)) stat -c %s a
unmount_here
