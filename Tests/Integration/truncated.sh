#!/usr/bin/env bash
# A backing file is cut short under large reads, which the kernel takes straight from the mapped
# file: readers get EIO, the daemon lives, and what is left of the file stays readable.
. "$(dirname "$0")/lib.sh"
mount_here

make_random a 131072 # 64 MiB
cp a image
dmfuse create d --table "0 131072 linear $PWD/a 0"
same 'whole' image <(dd if="$(device d)" bs=1M iflag=direct status=none)

# Readers all the time, direct and cached, while the file comes and goes.
for flag in direct fullblock; do
    (until [ -e stop ]; do
        dd if="$(device d)" of=/dev/null bs=1M iflag="$flag" status=none 2>/dev/null || true
    done) &
    started+=("$!")
done
for ((i = 0; i < 50; i++)); do
    truncate -s $((i * 1000 * 1000)) a
    truncate -s 64M a
done
touch stop
wait "${started[@]:1}"

truncate -s 32M a
cp --sparse=never image a
truncate -s 32M a
if dd if="$(device d)" of=/dev/null bs=1M iflag=direct status=none 2>said; then
    fail 'a read beyond the end of the file succeeded'
fi
grep -q 'Input/output error' said || fail 'not EIO' "$(cat said)"
same 'what is left' <(head -c 32M image) <(dd if="$(device d)" bs=1M count=32 iflag=direct status=none)
kill -0 "$daemon" || fail 'the daemon ended'
dmfuse remove d
unmount_here
