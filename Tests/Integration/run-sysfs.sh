#!/usr/bin/env bash
# /sys and /proc under `dmfuse run`: programs find the mount's devices there, with what they stand on and
# what stands on them, and none of them waits for a device that holds a write.
. "$(dirname "$0")/lib.sh"
need_command lsblk blockdev realpath
mount_here
make_random a 256
make_random b 256
run() { dmfuse run -- "$@"; }
dmfuse create s -u FOO --table "0 256 striped 2 8 $PWD/a 0 $PWD/b 0"
dmfuse create up --table "0 64 linear $(device s) 0"
dmfuse create nothing --notable
major=$(dmfuse info -c --noheadings -o major s)

# MARK: Paths

for path in /sys/block/dm-0 /sys/class/block/dm-0 "/sys/dev/block/$major:0" \
    /sys/devices/virtual/block/dm-0 /sys//block/./dm-0/ /sys/block/dm-1/../dm-0; do
    prints 256 run cat "$path/size"
    prints s run cat "$path/dm/name"
    prints FOO run cat "$path/dm/uuid"
    prints "$major:0" run cat "$path/dev"
    prints dm-1 run ls "$path/holders"
    prints 4096 run cat "$path/queue/minimum_io_size"
    prints /sys/devices/virtual/block/dm-0 run realpath "$path"
    prints /sys/devices/virtual/block/dm-1 run realpath "$path/holders/dm-1"
    prints directory run stat -L -c %F "$path"
done
prints '../devices/virtual/block/dm-0
../../devices/virtual/block/dm-0
../../devices/virtual/block/dm-0
../../dm-1
../../dm-0' run readlink /sys/block/dm-0 /sys/class/block/dm-0 "/sys/dev/block/$major:0" \
    /sys/block/dm-0/holders/dm-1 /sys/block/dm-1/slaves/dm-0
fails_like '' run readlink /sys/devices/virtual/block/dm-0
# Longer than any device's name.
fails_like '*No such file or directory' run stat "/sys/fs/ext4/$(printf 'n%.0s' {1..200})"
prints 'symbolic link
symbolic link
directory
directory
regular file' run stat -c %F /sys/block/dm-0 "/sys/dev/block/$major:0" /sys/block/dm-0/ \
    /sys/devices/virtual/block/dm-0 /sys/block/dm-0/size
# Of a device without a table the kernel has nothing.
for path in /sys/block/dm-2 /sys/class/block/dm-2/size "/sys/dev/block/$major:2" /sys/block/dm-9; do
    fails_like "*$path*: No such file or directory" run ls -d "$path"
    fails_like '' run readlink "$path"
done
if command -v python3 >/dev/null; then # relative to a descriptor; and the C library's realpath
    prints "256 ['dm-1'] ../../dm-1 /sys/devices/virtual/block/dm-0" run python3 -c "
import ctypes, os
at = os.open('/sys/dev/block/$major:0', os.O_RDONLY)
size = os.read(os.open('size', os.O_RDONLY, dir_fd=at), 99).decode().strip()
held = os.listdir(os.open('holders', os.O_RDONLY, dir_fd=at))
out = ctypes.create_string_buffer(4096)
ctypes.CDLL(None).realpath(b'/sys/class/block/dm-0', out)
print(size, held, os.readlink('holders/dm-1', dir_fd=at), out.value.decode())"
fi

# MARK: Directories

# DIRECTORY PATTERN: names and types.
entries() { run find "$1/" -maxdepth 1 -name "$2" -printf '%f %y\n' | sort; }
prints $'dm-0 l\ndm-1 l' entries /sys/block 'dm-*'
prints $'dm-0 l\ndm-1 l' entries /sys/class/block 'dm-*'
prints $'dm-0 d\ndm-1 d' entries /sys/devices/virtual/block 'dm-*'
prints "$major:0
$major:1" eval "run ls /sys/dev/block | grep '^$major:'"
for directory in /sys/block /sys/class/block /sys/dev/block /sys/devices/virtual/block; do
    same "all others of $directory" <(ls "$directory" | grep -v '^dm-\|^loop\|^7:' || true) \
        <(run ls "$directory" | grep -v "^dm-\|^loop\|^7:\|^$major:" || true)
done

# MARK: /proc

prints "$(printf '%4s %8s %10s dm-0\n%4s %8s %10s dm-1' "$major" 0 128 "$major" 1 32)" \
    run grep ' dm-' /proc/partitions
prints $'dm-0\ndm-1' eval 'run awk "/ dm-/ { print \$3 }" /proc/diskstats'
same 'all others of /proc/partitions' <(grep -v loop /proc/partitions) \
    <(run grep -v ' dm-\|loop' /proc/partitions)

# MARK: Programs

if is_root && try_loop_over b; then
    name=${loop#/dev/}
    dmfuse create l --table "0 8 linear $loop 0"
    prints dm-3 run ls "/sys/block/$name/holders"
    prints ../../dm-3 run readlink "/sys/block/$name/holders/dm-3"
    prints ../../dm-3 run readlink "/sys/dev/block/$(<"/sys/block/$name/dev")/holders/dm-3"
    prints "/sys/devices/virtual/block/$name" run realpath "/sys/block/dm-3/slaves/$name"
    prints /sys/devices/virtual/block/dm-3 run realpath "/sys/class/block/$name/holders/dm-3"
    fails_like '' run readlink "/sys/block/$name/holders/dm-0"
    prints "$name loop
l dm" run lsblk -n -r -o NAME,TYPE "$loop"
    prints "l dm
$name loop" run lsblk -n -r -s -o NAME,TYPE /dev/mapper/l
    dmfuse remove --retry l
    loop_off
else
    note 'loop devices left out'
fi
prints "s $major:0 128K foo
up $major:1 32K dm" run lsblk -n -r -o NAME,MAJ:MIN,SIZE,TYPE /dev/mapper/s
prints "up
\`-s" eval "run lsblk --ascii -n -s -o NAME /dev/mapper/up | sed 's/ *\$//'"
prints "s
up" eval "run lsblk -n -r -o NAME | grep -x 's\|up' | sort -u"
run lsblk -f >/dev/null
run lsblk -t /dev/mapper/s | grep -q '^s  *0  *4096  *8192  *512  *512' || fail 'the topology in lsblk -t'
run lsblk -J | grep -q '"name": *"up"' || fail "lsblk -J doesn't show it"
if command -v dmsetup >/dev/null; then
    prints 'dm-0
dm-1' run dmsetup info -c --noheadings -o blkdevname s up
    prints 'dm-0' run dmsetup info -c --noheadings -o blkdevs_used up
    prints '1 dependencies	: (dm-0)' run dmsetup deps -o blkdevname up
    prints '1 dependencies	: (s)' run dmsetup deps -o devname up
fi

# MARK: A device that holds a write

dmfuse suspend s
start dd if=/dev/zero of="$(device s)" bs=4k count=1 oflag=direct conv=notrunc status=none
writer=$!
eventually 'a direct write is held' is_held "$writer" 1
# COMMAND...: it ends, in whatever way, while the write is held; and it can be ended.
bounded() {
    local status=0
    timeout -k 5 60 "$DMFUSE" run -- "$@" >said 2>&1 </dev/null || status=$?
    [ "$status" -lt 124 ] || fail "$* waits for the write" "$(<said)"
    still_run "$writer"
}
bounded lsblk
bounded cat /sys/block/dm-0/stat /proc/diskstats /proc/partitions
bounded blockdev --getsz /dev/mapper/s
equal 'its size' 256 "$(<said)"
bounded blockdev --report /dev/mapper/s
if command -v dmsetup >/dev/null; then
    bounded dmsetup info s
    bounded dmsetup info -v s
    bounded dmsetup status -v s
    bounded dmsetup info -c
    bounded dmsetup ls --tree
fi
dmfuse resume s
ends_with 0 "$writer"
unmount_here
