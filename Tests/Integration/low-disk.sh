#!/usr/bin/env bash
# A daemon whose files may not grow beyond 1 MiB (RLIMIT_FSIZE): ENOSPC for a write behind that, ENOMEM
# for a held one that finds no place in the spill file; it isn't ended by a signal, and the rest works.
. "$(dirname "$0")/lib.sh"
need_command prlimit
mkdir spill
TMPDIR=$PWD/spill mount_here --held-memory 0
make_file a 8192
make_random image 2048
dmfuse create d --table "0 8192 linear $PWD/a 0"
prlimit --pid "$daemon" --fsize=$((1 << 20))
for flag in '' direct; do
    dd if=image of="$(device d)" bs=512k count=2 conv=notrunc,fsync ${flag:+oflag=$flag} status=none
    same 'within the limit' image <(sectors a 0 2048)
    fails_like '*No space left on device' \
        dd if=image of="$(device d)" bs=4k seek=256 count=1 conv=notrunc,fsync ${flag:+oflag=$flag}
    zeros 'behind the limit' "$(device d)" 2048 2048
done

dmfuse suspend d
start dd if=image of="$(device d)" bs=512k count=1 oflag=direct conv=notrunc status=none
first=$!
eventually 'the first write is held' is_held "$first" 1
# Of two that don't both find a place, at least one is refused; another is held.
more=()
for i in 1 2; do
    start dd if=image of="$(device d)" bs=1M count=1 seek="$i" oflag=direct conv=notrunc 2>"said-$i"
    more+=($!)
done
one_is_refused() { grep -q 'Cannot allocate memory' said-1 said-2; }
eventually 'a write is refused that would let the spill file grow beyond the limit' one_is_refused
still_run "$first"
dmfuse resume d
ends_with 0 "$first"
for process in "${more[@]}"; do eventually 'the others end' has_ended "$process"; done
dmfuse remove d
unmount_here
