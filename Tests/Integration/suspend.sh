#!/usr/bin/env bash
# Suspend and resume under a running dd, with and without another table meanwhile: dd sees a pause,
# every byte arrives, and what was held goes where the table leads that is live after resume.
. "$(dirname "$0")/lib.sh"
mount_here
sectors_of_device=65536
make_random image "$sectors_of_device"
make_file a "$sectors_of_device"
make_file b "$sectors_of_device"
dmfuse create d --table "0 $sectors_of_device linear $PWD/a 0"

for flag in '' direct; do
    rm a && make_file a "$sectors_of_device"
    dmfuse load d --table "0 $sectors_of_device linear $PWD/a 0"
    dmfuse resume d
    start dd if=image of="$(device d)" bs=16k conv=notrunc,fsync ${flag:+oflag=$flag} status=none
    writer=$!
    for _ in {1..10}; do
        dmfuse suspend d
        before=$(cksum <a)
        pause
        equal 'nothing is written while suspended' "$before" "$(cksum <a)"
        prints Suspended dmfuse info -c --noheadings -o suspended d
        dmfuse resume d
    done
    ends_with 0 "$writer"
    same "what dd wrote, ${flag:-cached}" image a
done

# A held write goes by the new table, whole; what was written before suspend stays in the old file.
rm a && make_file a 1024
dmfuse load d --table "0 1024 linear $PWD/a 0"
dmfuse resume d
dd if=image of="$(device d)" bs=128k count=1 conv=notrunc oflag=direct status=none
dmfuse suspend d
start dd if=image of="$(device d)" bs=128k skip=1 seek=1 count=1 conv=notrunc oflag=direct status=none
writer=$!
start dd if="$(device d)" of=read bs=128k iflag=direct count=1 status=none
reader=$!
eventually 'both are held' eval "is_held $writer 1 && is_held $reader 0"
dmfuse load d --table "0 1024 linear $PWD/b 0"
still_run "$writer" "$reader"
dmfuse resume d
ends_with 0 "$writer"
ends_with 0 "$reader"
same 'before: in the old file' <(sectors a 0 256) <(sectors image 0 256)
zeros 'held: not in the old file' a 256 768
zeros 'before: not in the new file' b 0 256
same 'held: in the new file' <(sectors b 256 256) <(sectors image 256 256)
zeros 'the held read read the new file' read 0 256

# fsync is held as well, and so is a buffered write; open, stat and close are not.
dmfuse suspend --noflush d
start dd if=image of="$(device d)" bs=4k count=1 conv=notrunc,fsync status=none
writer=$!
eventually 'the write is held' is_held "$writer" 1
soon stat -L "$(device d)" >stdout || fail 'stat was held'
exec 3<"$(device d)" 3<&-
dmfuse resume d
ends_with 0 "$writer"
same 'the buffered write' <(sectors b 0 8) <(sectors image 0 8)

# Who waits on a suspended device can give up, and the device goes on without.
dmfuse suspend d
start dd if="$(device d)" of=read bs=4k count=1 iflag=direct status=none
reader=$!
eventually 'the read is held' is_held "$reader" 0
kill "$reader"
eventually 'the reader dies' has_ended "$reader"
dmfuse resume d
same 'afterwards' <(sectors b 0 8) <(dd if="$(device d)" bs=4k count=1 status=none)
dmfuse remove d
unmount_here
