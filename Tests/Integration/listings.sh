#!/usr/bin/env bash
# Whoever opens directories and texts of the mount by the hundred, and reads none to its end, takes a bounded
# amount of the daemon's memory, and takes nothing from others: what they read meanwhile is whole.
. "$(dirname "$0")/lib.sh"
need_command python3
mount_here
count=2500
for ((i = 0; i < count; i++)); do printf 'device-%05d,,,,0 8 zero;' "$i"; done >concise
dmfuse create --concise <concise
cat >opens.py <<'PYTHON'
import os, subprocess, sys
mount, daemon, dmfuse, limit = sys.argv[1], sys.argv[2], sys.argv[3], 64 << 20
text = f"{mount}/proc/diskstats"
def resident():
    with open(f"/proc/{daemon}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
def rest(file):
    return b"".join(iter(lambda: os.read(file, 4096), b""))
before = resident()
kept = []
for turn in range(2):
    with open(text, "rb", buffering=0) as file:
        whole = file.read(1 << 20)
    early = os.open(text, os.O_RDONLY)
    begun = os.read(early, 100)
    # One listing is read by 4096 bytes, so that most is still to come.
    streams = [os.scandir(f"{mount}/mapper") for _ in range(400)]
    firsts = [next(stream) for stream in streams]
    grown = resident() - before
    # What the limit counts, and what the allocator and the threads take beside it.
    print("bounded" if grown < 2 * limit else grown)
    # More than fit into what a list leaves that is just too large.
    texts = [os.open(text, os.O_RDONLY) for _ in range(10)]
    begins = [os.read(file, 4096) for file in texts]
    texts.append(early)
    begins.append(begun)
    print({begin + rest(file) == whole for begin, file in zip(begins, texts)})
    for file in texts:
        os.close(file)
    # A list that was kept doesn't have what came since. The latest first: what is listed anew then finds room.
    subprocess.run([dmfuse, "create", "new", "--table", "0 8 zero"], check=True)
    counts = []
    for stream in reversed(streams):
        counts.append(1 + sum(1 for _ in stream))
        stream.close()
    kept.append(counts.index(max(counts)))
    print(min(counts), max(counts), sorted(counts) == counts)
    subprocess.run([dmfuse, "remove", "new"], check=True)
# What they kept is given back: as many are kept again.
print(kept[0] == kept[1], 100 < kept[0] < 400)
PYTHON
turn="bounded
{True}
$((count + 1)) $((count + 2)) True"
prints "$turn
$turn
True True" python3 opens.py "$mnt" "$daemon" "$DMFUSE"
dmfuse remove_all
unmount_here
