#!/usr/bin/env bash
# fio writes, reads and verifies on a mounted file system, while the device below goes from linear to
# striped over a copy and back, again and again; whatever was left behind is made unreadable.
# As: root
# Takes: long
. "$(dirname "$0")/lib.sh"
need_command mkfs.ext4 e2fsck fio
mount_here
memory_here
size=131072
linear="0 $size linear $PWD/memory/a 0"
striped="0 $size striped 2 128 $PWD/memory/0 8 $PWD/memory/1 0"
make_file memory/a "$size"
make_file memory/0 $((size / 2 + 8))
make_file memory/1 $((size / 2 + 8))
mkdir there
# Ends after a round that began before it was told to stop.
verified_load() {
    local rounds=0
    until [ -e there/stop ]; do
        fio --name=v --directory=there --size=4m --bsrange=4k-64k --direct=1 --rw=randrw \
            --verify=crc32c --verify_backlog=16 --verify_fatal=1 --ioengine=psync --numjobs=2 --fsync=64 \
            --randrepeat=0 --invalidate=1 >fio.log 2>&1 </dev/null || {
            cat fio.log >&2
            return 1
        }
        rounds=$((rounds + 1))
        echo "$rounds" >rounds.new
        mv rounds.new rounds
    done
}
for direct in off on; do
    dmfuse create fs --table "$linear"
    dmfuse create copy --table "$striped"
    loop_here fs "$direct"
    quietly mkfs.ext4 -q "$loop"
    mount "$loop" there
    start verified_load
    load=$!
    echo 0 >rounds
    swap=0
    while [ "$swap" -lt 8 ] || { [ "$(<rounds)" -lt 4 ] && [ "$swap" -lt 100 ]; }; do
        swap=$((swap + 1))
        still_run "$load"
        dmfuse suspend fs
        if [ $((swap % 2)) -eq 1 ]; then
            dd if=memory/a of="$(device copy)" bs=1M oflag=direct conv=notrunc status=none
            dmfuse load fs --table "$striped"
            dmfuse resume fs
            head -c 4M /dev/urandom | tee memory/random >/dev/null
            for part in {0..15}; do
                dd if=memory/random of=memory/a bs=4M seek="$part" conv=notrunc status=none
            done
        else
            dd if="$(device copy)" of=memory/a bs=1M iflag=direct conv=notrunc status=none
            dmfuse load fs --table "$linear"
            dmfuse resume fs
            for part in {0..7}; do
                dd if=memory/random of=memory/0 bs=4M seek="$part" conv=notrunc status=none
                dd if=memory/random of=memory/1 bs=4M seek="$part" conv=notrunc status=none
            done
        fi
    done
    touch there/stop
    eventually 'the load comes to its end' has_ended "$load"
    wait "$load" || fail 'fio found something wrong'
    note "direct I/O $direct: $(<rounds) rounds of fio, $swap swaps"
    umount there
    quietly e2fsck -fn "$loop"
    loop_off
    dmfuse remove --retry fs copy
done
unmount_here
