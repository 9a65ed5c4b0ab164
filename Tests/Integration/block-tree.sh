#!/usr/bin/env bash
# DIR/block and DIR/proc: what /sys and /proc of a kernel would tell of the devices, with the links
# between them and the counts of their I/O. Read while tables and devices change, and while a device holds
# a write.
. "$(dirname "$0")/lib.sh"
mount_here
make_random a 256
make_random b 256
number() { dmfuse info -c --noheadings -o major,minor "$1"; }
major=$(dmfuse create probe --table '0 1 zero' && number probe && dmfuse remove probe)
major=${major%:*}
at() { cat "$mnt/block/$1"; }

# From the first table on.
prints $'diskstats\npartitions' ls "$mnt/proc"
prints '' ls "$mnt/block"
dmfuse create s --notable -u FOO
prints '' ls "$mnt/block"
dmfuse load s --table "0 256 striped 2 8 $PWD/a 0 $PWD/b 0"
prints dm-0 ls "$mnt/block"
prints 0 at dm-0/size
dmfuse resume s
prints 256 at dm-0/size
prints s at dm-0/dm/name
prints FOO at dm-0/dm/uuid
prints "$major:0" at dm-0/dev
prints 4096 at dm-0/queue/minimum_io_size
prints 8192 at dm-0/queue/optimal_io_size
prints 'write back' at dm-0/queue/write_cache
prints "$(printf '%4s %8s %10s dm-0' "$major" 0 128)" cat "$mnt/proc/partitions"

# Both directions, an inactive table too.
dmfuse create up --notable
dmfuse load up --table "0 64 linear $(device s) 0"
prints ../../dm-0 readlink "$mnt/block/dm-1/slaves/dm-0"
prints ../../dm-1 readlink "$mnt/block/dm-0/holders/dm-1"
prints "$(realpath "$mnt/block/dm-1")" realpath "$mnt/block/dm-0/holders/dm-1"
dmfuse clear up
[ -z "$(ls "$mnt/block/dm-1/slaves")" ] || fail 'a slave of a table that was cleared'
[ -z "$(ls "$mnt/block/dm-0/holders")" ] || fail 'a holder of a table that was cleared'
dmfuse load up --table "0 64 linear $(device s) 0"
dmfuse resume up
prints dm-0 ls "$mnt/block/dm-1/slaves"
if is_root && try_loop_over b; then
    name=${loop#/dev/}
    dmfuse create l --table "0 8 linear $loop 0"
    prints "/sys/class/block/$name" readlink "$mnt/block/dm-2/slaves/$name"
    prints ../../dm-2 readlink "$mnt/block/$name/holders/dm-2"
    prints $'dm-0\ndm-1\ndm-2\n'"$name" ls "$mnt/block"
    dmfuse remove l
    prints $'dm-0\ndm-1' ls "$mnt/block"
    loop_off
else
    note 'loop devices left out'
fi

# Four writes of eight sectors and a flush, which counts as a write; two reads. Through both devices.
dd if=/dev/zero of="$(device up)" bs=4k count=4 oflag=direct conv=notrunc,fsync status=none
dd if="$(device up)" of=/dev/null bs=4k count=2 iflag=direct status=none
for minor in 0 1; do
    read -r reads _ read_sectors _ writes _ written _ under_way _ <"$mnt/block/dm-$minor/stat"
    equal "what dm-$minor counted" '2 16 5 32 0' \
        "$reads $read_sectors $writes $written $under_way"
done
prints "$(printf '%4s %7s dm-1 2 0 16' "$major" 1)" \
    eval "sed -n 's/ [0-9]* 5 0 32 .*//; /dm-1/p' '$mnt/proc/diskstats'"

# It is read only, but for the read-ahead, which only a mount of root's can raise.
fails_like '*Permission denied' bash -c "echo 1 >'$mnt/block/dm-0/ro'"
fails_like '*Permission denied' touch "$mnt/block/new"
fails_like '*Operation not permitted' rm "$mnt/block/dm-0/ro"
fails_like '*Operation not permitted' mkdir "$mnt/block/dm-9"
fails_like '*Invalid argument' bash -c "echo x >'$mnt/block/dm-0/queue/read_ahead_kb'"
before=$(at dm-1/bdi/read_ahead_kb)
if is_root; then
    echo 300 >"$mnt/block/dm-0/queue/read_ahead_kb"
    prints 300 cat "/sys/class/bdi/$(mountpoint -d "$mnt")/read_ahead_kb"
fi
# Each device's own; the mount's stays the greatest.
mounts=$(cat "/sys/class/bdi/$(mountpoint -d "$mnt")/read_ahead_kb")
echo 101 >"$mnt/block/dm-0/bdi/read_ahead_kb"
prints 100 at dm-0/queue/read_ahead_kb
prints 200 dmfuse info -c --noheadings -o read_ahead s
prints "$before" at dm-1/bdi/read_ahead_kb
prints "$mounts" cat "/sys/class/bdi/$(mountpoint -d "$mnt")/read_ahead_kb"

# Nothing of it waits for a device that holds a write.
dmfuse suspend s
start dd if=/dev/zero of="$(device s)" bs=4k count=1 oflag=direct conv=notrunc status=none
writer=$!
eventually 'the write is held' is_held "$writer" 1
soon find "$mnt/block" "$mnt/proc" -type f -exec cat {} + >/dev/null || fail 'it waits'
prints 1 at dm-0/dm/suspended
still_run "$writer"
dmfuse resume s
ends_with 0 "$writer"

# What a delay target holds is under way.
dmfuse create d --table "0 64 delay $PWD/a 0 3600000"
start dd if="$(device d)" of=/dev/null bs=4k count=1 iflag=direct status=none
reader=$!
eventually 'a read is under way' eval "[ \"\$(at dm-2/inflight)\" = '       1        0' ]"
kill "$reader"
eventually 'none is' eval "[ \"\$(at dm-2/inflight)\" = '       0        0' ]"
dmfuse remove --retry d

# A file that is open when its device goes.
dmfuse create gone --table '0 8 zero'
exec 5<"$mnt/block/dm-2/size"
dmfuse remove gone
dmfuse create other --table '0 16 zero'
fails_like '*No such device' bash -c 'read -r _ <&5'
exec 5<&-
dmfuse remove other

# All of it read over and over, while tables are swapped and devices come and go: what is gone is gone,
# and nothing else is said.
walk() {
    local i
    for ((i = 0; i < $(tries 40); i++)); do
        find "$mnt/block" "$mnt/proc" \( -type f -exec cat {} + \) -o \
            \( -type l -printf '%l\n' \) >/dev/null || true # it says what
    done
}
walk 2>errors-1 &
first=$!
walk 2>errors-2 &
second=$!
rounds=0
until has_ended "$first" && has_ended "$second" && [ "$rounds" -ge "$(tries 20)" ]; do
    rounds=$((rounds + 1))
    dmfuse create "n$rounds" --table "0 64 linear $(device s) 0"
    dmfuse load up --table "0 64 linear $(device "n$rounds") 0"
    dmfuse resume up
    dmfuse load up --table "0 64 linear $(device s) 0"
    dmfuse resume up
    dmfuse remove "n$rounds"
done
odd=$(grep -vE ': (No such file or directory|No such device|Stale file handle)$' errors-1 errors-2) ||
    true
equal 'what was said of it' '' "$odd"
prints $'dm-0\ndm-1' ls "$mnt/block"
unmount_here
