#!/usr/bin/env bash
# Whoever opens texts and directories of the mount by the hundred, and reads none to its end, takes a bounded
# amount of the daemon's memory; and what others read meanwhile is right.
. "$(dirname "$0")/lib.sh"
need_command python3
mount_here
count=4000
for ((i = 0; i < count; i++)); do printf 'device-%05d,,,,0 8 zero;' "$i"; done >concise
dmfuse create --concise <concise
cat >opens.py <<'PYTHON'
import errno, os, sys
mount, daemon, limit = sys.argv[1], sys.argv[2], 64 << 20
text = f"{mount}/proc/diskstats"
size = len(open(text, "rb").read())
def resident():
    with open(f"/proc/{daemon}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
def begin(path):
    file = os.open(path, os.O_RDONLY)
    try:
        os.read(file, 1)
        return file, "read"
    except OSError as error:
        return file, errno.errorcode[error.errno]
before = resident()
opened = [begin(text) for _ in range(limit // size + 100)]
print(sorted({answer for _, answer in opened}))
# One listing is read by 4096 bytes, so that most is still to come.
streams = [os.scandir(f"{mount}/mapper") for _ in range(400)]
firsts = [next(stream) for stream in streams]
grown = resident() - before
# What the limit counts, and what the allocator and the threads take beside it.
print("bounded" if grown < 2 * limit else grown)
print(len(os.listdir(f"{mount}/mapper")), {sum(1 for _ in stream) for stream in streams[::40]})
print(len(open(text, "rb").read(size + 4096)) == size)
for file, _ in opened:
    os.close(file)
PYTHON
prints "['ENOMEM', 'read']
bounded
$((count + 1)) {$count}
True" python3 opens.py "$mnt" "$daemon"
# What they kept is given back.
prints 1 bash -c 'exec 3<"$1" && head -c 1 <&3 | wc -c' read "$mnt/proc/diskstats"
dmfuse remove_all
unmount_here
