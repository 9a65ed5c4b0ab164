#!/usr/bin/env bash
# A delay target holds requests for their time, shows how many, and lets them go when it is suspended,
# when their clients are killed and when the daemon ends.
. "$(dirname "$0")/lib.sh"
mount_here
make_random a 4096
make_random b 4096

dmfuse create d --table "0 2048 delay $PWD/a 0 100 $PWD/b 8 0 $PWD/a 16 0"
said=$(dmfuse table d)
[[ $said == '0 2048 delay '*' 0 100 '*' 8 0 '*' 16 0' ]] || fail 'the table line' "$said"
begin=$(date +%s%N)
dd if="$(device d)" of=read bs=4k count=1 iflag=direct status=none
took=$((($(date +%s%N) - begin) / 1000000))
[ "$took" -ge 100 ] || fail "a read with a delay of 100 ms took $took ms"
same 'the read' <(sectors a 0 8) read
dd if=read of="$(device d)" bs=4k oflag=direct conv=notrunc status=none
same 'the write' read <(sectors b 8 8)
dmfuse remove d

# An hour: what ends was let go.
dmfuse create d --table "0 2048 delay $PWD/a 0 3600000 $PWD/b 0 3600000"
waiting=()
for i in {1..40}; do
    start dd if="$(device d)" of="r$i" bs=4k skip="$i" count=1 iflag=direct status=none
    waiting+=($!)
done
for i in {1..10}; do
    start dd if=read of="$(device d)" bs=4k seek="$i" oflag=direct conv=notrunc status=none
    waiting+=($!)
done
holds() { [ "$(dmfuse status d)" = "0 2048 delay $1" ]; }
eventually 'all are held' holds '40 10 0'
still_run "${waiting[@]}"
kill -9 "${waiting[0]}" "${waiting[45]}"
eventually 'killed clients take theirs along' holds '39 9 0'
eventually 'a reader has gone' has_ended "${waiting[0]}"
dmfuse suspend d
prints '0 2048 delay 0 0 0' dmfuse status d
for i in "${!waiting[@]}"; do
    [ "$i" -eq 0 ] || [ "$i" -eq 45 ] || ends_with 0 "${waiting[i]}"
done
same 'a delayed read' <(sectors a 80 8) r10
dmfuse resume d

start dd if="$(device d)" of=late bs=4k count=1 iflag=direct status=none
last=$!
eventually 'one more is held' holds '1 0 0'
dmfuse unmount --force "$mnt" || fail 'unmount --force'
eventually 'the last one ends' has_ended "$last"
ends_with 0 "$daemon"
