#!/usr/bin/env bash
# A write of a part of a page is read back as soon as write(2) has returned, though the page was dropped and
# read again while the write was on its way: also where the thread that drops it once more gets no CPU for
# a while, and where a read from before the write comes late. A page that the kernel keeps locked for the
# write itself keeps it only for a moment.
. "$(dirname "$0")/lib.sh"
need_command blockdev
need_helper preload-pages
export SLOW_DROPS=$PWD/slow LATE_READS=$PWD/late
LD_PRELOAD=$helpers/preload-pages mount_here
readonly part=1536
make_file a 8
dmfuse create low --table "0 8 linear $PWD/a 0"
# Reads go to the file, writes to a device of their own, which can hold them.
dmfuse create d --table "0 8 delay $PWD/a 0 0 $(device low) 0 0"
d=$(device d)
# With it open the pages stay.
hold_open "$d"
openers=($!)
# BYTE: a part of a page full of it.
part_of() { head -c "$part" /dev/zero | tr '\0' "$1"; }
shown() { head -c 1 "$d"; }
shows() { [ "$(shown)" = "$1" ]; }
# BYTE: a write that was on its way when its page was dropped, and is read back. What is read back is in
# ./back.
write_behind_drop() {
    shown >/dev/null
    dmfuse suspend low
    part_of "$1" >"$1.part"
    # One process, so that nothing comes between the two.
    start bash -c 'dd if="$1.part" of="$2" bs="$3" count=1 conv=notrunc status=none &&
        touch written && dd if="$2" of=back bs="$3" count=1 status=none' write "$1" "$d" "$part"
    writer=$!
    eventually 'the page is changed, and the write held' shows "$1"
    blockdev --flushbufs "$d"
}

part_of x | dd of="$d" bs="$part" conv=notrunc status=none
touch "$SLOW_DROPS"
for byte in b c d; do
    write_behind_drop "$byte"
    shows x || fail 'the page was not read again before the write'
    dmfuse resume low
    ends_with 0 "$writer"
    same 'a write whose page was dropped late' "$byte.part" back
    part_of x | dd of="$d" bs="$part" conv=notrunc status=none
done
rm "$SLOW_DROPS"

# A read has taken the old bytes, and is answered when the write is over.
write_behind_drop e
rm -f written
touch "$LATE_READS"
start dd if="$d" of=before bs=4k count=1 status=none
reader=$!
eventually 'the read has the old bytes' test -e "$LATE_READS.taken"
dmfuse resume low
end=$((SECONDS + 2))
until [ "$SECONDS" -ge "$end" ]; do
    [ ! -e written ] || fail 'the write was over before a read that has the old bytes'
    pause
done
rm "$LATE_READS"
ends_with 0 "$reader"
ends_with 0 "$writer"
shows e || fail 'a write beside a read that came late'
same 'a write beside a read that came late' e.part back

# The page isn't cached when a part of it is written: then it is locked until the answer. It was read a
# moment ago.
begin=$SECONDS
for i in {1..20}; do
    shown >/dev/null
    blockdev --flushbufs "$d"
    part_of f | dd of="$d" bs="$part" conv=notrunc status=none
    shows f || fail "write $i of f wasn't read back: $(shown)"
    part_of g | dd of="$d" bs="$part" conv=notrunc status=none
    shows g || fail "write $i of g wasn't read back: $(shown)"
done
note "20 writes to pages that weren't cached: $((SECONDS - begin)) s"
[ $((SECONDS - begin)) -lt "$patience" ] || fail 'writes waited for their own pages'

# A new table goes live while a read of another page is held, and the drop of the rest comes late.
head -c 8192 /dev/zero | tr '\0' x >a
head -c 8192 /dev/zero | tr '\0' y >b
dmfuse create held --table "0 16 linear $PWD/a 0"
dmfuse create swapped --table "0 16 linear $(device held) 0"
second_page() { dd if="$(device swapped)" bs=4k skip=1 count=1 status=none | head -c 1; }
hold_open "$(device swapped)"
openers+=($!)
equal 'the first table' x "$(second_page)"
dmfuse suspend swapped
start dd if="$(device swapped)" of=/dev/null bs=4k count=1 status=none
reader=$!
eventually 'the read is held' is_held "$reader" 0
dmfuse suspend held
dmfuse load swapped <<TABLE
0 8 linear $(device held) 0
8 8 linear $PWD/b 8
TABLE
touch "$SLOW_DROPS"
dmfuse resume swapped
equal 'the second table' y "$(second_page)"
rm "$SLOW_DROPS"
still_run "$reader"
dmfuse resume held
ends_with 0 "$reader"

for opener in "${openers[@]}"; do let_go "$opener"; done
for name in d low swapped held; do dmfuse remove --retry "$name"; done
unmount_here
