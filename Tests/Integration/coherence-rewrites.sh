#!/usr/bin/env bash
# Who writes through the page cache reads what he wrote, though others have pages dropped, and read
# them again, all the while; also in a page that he wrote a part of.
# Takes: long
. "$(dirname "$0")/lib.sh"
need_helper rewrites
mount_here
make_file a 128
dmfuse create d --table "0 128 linear $PWD/a 0"
for size in 100 4096 8000; do
    said=$("$helpers/rewrites" "$(device d)" "$size" "${WRITES:-$(tries 1500)}") || fail 'something older was read' "$size: $said"
    note "$size bytes: $said"
done
dmfuse remove --retry d
unmount_here
