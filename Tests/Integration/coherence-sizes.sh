#!/usr/bin/env bash
# A device gets shorter and longer under those who have it open and mapped: reads that are held over
# the new end, pages behind it, and a page that held the earlier end.
. "$(dirname "$0")/lib.sh"
need_helper openers
need_command blockdev
mount_here
# FILE BYTE SECTORS: a backing file full of one byte.
make_full() { head -c $(($3 * 512)) /dev/zero | tr '\0' "\\$(printf %o "$2")" >"$1"; }
make_full a 1 256
make_full b 2 256
make_full nine 6 9
make_full ten 7 10
make_full longer 8 40
make_full big 8 512
mkfifo questions answers
# NAME: openers of a device.
open_by_all_ways() {
    "$helpers/openers" "$(device "$1")" <questions >answers &
    openers=$!
    exec 8>questions 9<answers
}
close_all() {
    exec 8>&- 9<&-
    ends_with 0 "$openers"
}
# ANSWER COMMAND: what the openers say to that.
asked() {
    local said
    echo "$2" >&8
    read -r -t "$patience" said <&9 || fail "no answer: $2"
    equal "$2" "$1" "$said"
}
swap() { dmfuse load "$1" --table "$2" && soon "$DMFUSE" resume "$1"; }
byte() { od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' '; }

# Shorter, to an end in the middle of a page and of what readers wait for. They get what the kernel's
# device-mapper gives: through the cache all up to the end, past it EIO.
dmfuse create d --table "0 256 linear $PWD/a 0"
open_by_all_ways d
asked '1 1 1' 'see 99900'
asked '1 1 1' 'see 104000'
# What is cached would be read, too.
blockdev --flushbufs "$(device d)"
dmfuse suspend d
start dd if="$(device d)" of=cached bs=64k skip=1 count=1 status=none
cached=$!
start dd if="$(device d)" of=across bs=64k skip=1 count=1 iflag=direct status=none 2>across.said
across=$!
start dd if="$(device d)" of=behind bs=4k skip=28 count=1 iflag=direct status=none 2>behind.said
behind=$!
for reader in "$cached" "$across" "$behind"; do
    eventually 'the reads are held' is_held "$reader" 0
done
swap d "0 195 linear $PWD/b 0" || fail 'a resume with held reads'
ends_with 0 "$cached"
ends_with 1 "$across"
ends_with 1 "$behind"
same 'a cached read over the end' <(head -c 34304 b) cached
grep -q 'Input/output error' across.said || fail 'a direct read over the end' "$(<across.said)"
grep -q 'Input/output error' behind.said || fail 'a direct read behind the end' "$(<behind.said)"
# Nothing that was cached behind the end is left, not in a mapping either, where the kernel's device has it.
asked '99840 99840 99840' size
asked '2 2 2' 'see 99800'
asked '0 0' 'read 99840'
asked '512 512' 'read 99328'
asked '999 999 SIGBUS' 'see 104000'
asked ENOSPC 'cached 99840 5'
asked SIGBUS 'mapped 104448 9'
asked 0 sync

# Longer again, with the mapping of before.
swap d "0 256 linear $PWD/a 0"
asked '131072 131072 131072' size
asked '1 1 1' 'see 99900'
asked '1 1 1' 'see 104000'
close_all
dmfuse remove --retry d

# Longer within the page of the earlier end, and beyond it: no zeros of before are seen or left behind.
dmfuse create end --table "0 9 linear $PWD/nine 0"
open_by_all_ways end
asked '6 6 6' 'see 4100'
asked '999 999 0' 'see 4700'
swap end "0 10 linear $PWD/ten 0"
asked '5120 5120 5120' size
asked '7 7 7' 'see 4100'
asked '7 7 7' 'see 4700'
asked 512 'mapped 4608 9'
swap end "0 24 linear $PWD/longer 0"
equal 'what was changed in memory' 9 "$(byte ten 4700)"
asked '12288 12288 12288' size
asked '8 8 8' 'see 4700'
asked '8 8 8' 'see 5200'
asked '8 8 outside' 'see 12200'
asked 12288 remap
asked '8 8 8' 'see 12200'
asked 512 'mapped 11776 9'
asked '9 9 9' 'see 12200'
asked 0 sync
equal 'what was changed in memory' 9 "$(byte longer 12200)"
close_all

# The same again and again, with somebody who asks for the size all the time, and a page at the earlier
# end that is changed while the device is suspended: it is written back up to that end, and no further.
swap end "0 9 linear $PWD/nine 0"
open_by_all_ways end
asked 0 ask
for round in {1..40}; do
    asked '6 6 6' 'see 4100'
    dmfuse suspend --nolockfs end
    asked 512 "mapped 4096 $((100 + round))"
    swap end "0 16 linear $PWD/longer 0"
    asked 0 sync
    equal "round $round: what was changed" $((100 + round)) "$(byte longer 4100)"
    equal "round $round: behind the earlier end" 8 "$(byte longer 4700)"
    asked "$((100 + round)) $((100 + round)) $((100 + round))" 'see 4100'
    asked '8 8 8' 'see 4700'
    swap end "0 9 linear $PWD/nine 0"
    asked '4608 4608 4608' size
done
close_all
dmfuse remove --retry end

# Longer while a read is held below: elsewhere, it keeps nobody from the new size; for the very page of
# the earlier end, it does, but not the resume; and then nothing is seen of the earlier table either.
dmfuse create lower --table "0 512 linear $PWD/big 0"
dmfuse create end --table "0 201 linear $PWD/a 0"
open_by_all_ways end
for page in 7 25; do
    asked '102912 102912 102912' size
    blockdev --flushbufs "$(device end)"
    dmfuse suspend lower
    dmfuse suspend end
    start dd if="$(device end)" of=held bs=4k skip="$page" count=1 status=none
    reader=$!
    eventually 'the read is held' is_held "$reader" 0
    swap end "0 512 linear $(device lower) 0" || fail 'a resume with a read held below'
    still_run "$reader"
    wanted=262144
    [ "$page" -eq 7 ] || wanted=102912
    asked "$wanted $wanted $wanted" size
    dmfuse resume lower
    ends_with 0 "$reader"
    eventually 'all see the new size' eval \
        'echo size >&8 && read -r -t "$patience" said <&9 && [ "$said" = "262144 262144 262144" ]'
    asked '8 8 8' 'see 102500'
    asked '8 8 8' 'see 103000'
    asked '8 8 8' 'see 106400'
    asked '8 8 outside' 'see 200000'
    swap end "0 201 linear $PWD/a 0"
    asked '1 1 1' 'see 102500'
done
close_all
dmfuse remove --retry end lower
unmount_here
