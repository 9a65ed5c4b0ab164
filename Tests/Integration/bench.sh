#!/usr/bin/env bash
# scripts/bench measures every peer and shows it; nothing of it stays, even when it is interrupted.
bench=$(cd "$(dirname "$0")/../../scripts" && pwd)/bench
. "$(dirname "$0")/lib.sh"
need_command fio qemu-storage-daemon nbdkit nbdfuse losetup
can_mount
[ -w /dev/shm ] || skip "/dev/shm can't be written to"
[ "$(df -B1M --output=avail /dev/shm | tail -n 1)" -gt 400 ] || skip "/dev/shm is too small"
mkdir room disk
quick_bench=(env TMPDIR="$PWD/room" "$bench" --quick --rounds 1 --output out)
# One after the other, where this isn't a tmpfs itself.
places=(tmpfs disk) where=(--disk "$PWD/disk")
[ "$(stat -f -c %T .)" != tmpfs ] || places=(tmpfs) where=(--place tmpfs)
run_bench() { "${quick_bench[@]}" "$@"; }

# What a run has in its hands, by the name of its scratch directory.
name_of_run() { name=$(cd room && echo dmfuse-bench-*) && [ "$name" != 'dmfuse-bench-*' ]; }
has_all_peers() { name_of_run && [ "$(mounts_below "$PWD/room" | wc -l)" -eq 4 ]; }
processes_of_run() { grep -lsF "$name" /proc/[0-9]*/cmdline || true; }
nothing_is_left() {
    equal 'mounts' '' "$(mounts_below "$PWD/room")"
    equal 'scratch files' '' "$(find room disk -mindepth 1)"
    [ ! -e "/dev/shm/$name" ] || fail "/dev/shm/$name was left"
    equal 'processes' '' "$(processes_of_run)"
    ! is_root || equal 'loop devices' '' "$(losetup --list --noheadings -O BACK-FILE | grep -F "$name" || true)"
}

start "${quick_bench[@]}" --place tmpfs --only works >interrupted 2>&1
run=$!
eventually 'every peer is mounted' has_all_peers
[ -n "$(processes_of_run)" ] || fail 'no process of the run was found'
kill "$run"
ends_with 130 "$run"
nothing_is_left

run_bench "${where[@]}" --only random-read-1 --only read-buffered >report 2>said || fail 'scripts/bench' "$(cat said)"
nothing_is_left
peers='linear native nbdfuse qemu split striped'
! is_root || [ -z "$(losetup --find 2>/dev/null)" ] || peers="linear loop ${peers#linear }"
for work in random-read-1 read-buffered; do
    for place in "${places[@]}"; do
        # shellcheck disable=SC2086
        equal "peers that did $work on $place" "$(printf '%s\n' $peers)" \
            "$(awk -F '\t' -v work="$work" -v place="$place" \
                '$2 == place && $3 == work && $7 > 0 { print $4 }' out/results.tsv | sort)"
    done
done
equal 'rows of the table' 2 "$(grep -cE '^\| (4k random read|sequential read).*(met|floor|missed)' report)"
grep -q '</svg>' out/picture.svg || fail 'the picture is not whole'

fails_like "bench: there is no work 'nonsense'*" run_bench --only nonsense
