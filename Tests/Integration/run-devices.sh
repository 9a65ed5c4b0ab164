#!/usr/bin/env bash
# Device files under `dmfuse run`: block devices to stat and to the ioctls that tools ask, below
# /dev/mapper as well; and the control device to a program that takes it apart.
. "$(dirname "$0")/lib.sh"
need_command blockdev blkdiscard
need_helper control
mount_here
make_random a 8192
make_random patch 8
dmfuse create one --table "0 8191 linear $PWD/a 0"
major=$(dmfuse info -c --noheadings -o major one)
hexadecimal=$(printf '%x' "$major")
run() { dmfuse run -- "$@"; }

for path in /dev/mapper/one /dev//mapper/./one /dev/dm-0 "$mnt/mapper/one" "$mnt/dm-0"; do
    prints "block special file $hexadecimal:0" run stat -c '%F %t:%T' "$path"
    prints "block special file $hexadecimal:0" run stat -L -c '%F %t:%T' "$path"
done
ln -s "$mnt/mapper/one" link
prints "block special file $hexadecimal:0" run stat -L -c '%F %t:%T' link
prints 'symbolic link' run stat -c %F link
prints 'character special file a:ec' run stat -c '%F %t:%T' /dev/mapper/control
prints 'regular file' run stat -c %F a
prints 'regular file' stat -c %F "$mnt/dm-0"
prints '8191
512
512
512
0
4193792' run blockdev --getsz --getss --getpbsz --getbsz --getro --getsize64 /dev/mapper/one
prints '8191' run blockdev --getsize "$mnt/dm-0"
prints '' run blockdev --flushbufs /dev/mapper/one
dmfuse create locked --readonly --table "0 8 zero"
prints '1' run blockdev --getro /dev/mapper/locked
dmfuse remove locked
prints 'one' run cat /sys/block/dm-0/dm/name
prints "$major device-mapper" run grep device-mapper /proc/devices
prints "$(cat /proc/devices)" run grep -v device-mapper /proc/devices
prints 'control
one' run ls /dev/mapper
prints '/dev/mapper/one' run readlink -f /dev/mapper/one
prints '/dev/mapper/one' run realpath /dev/mapper/one
if command -v python3 >/dev/null; then # realpath(1) has its own way
    prints '/dev/mapper/one' run python3 -c 'import ctypes
out = ctypes.create_string_buffer(4096)
ctypes.CDLL(None).realpath(b"/dev//./mapper/../mapper/one", out)
print(out.value.decode())'
fi

# What is made in /dev/mapper isn't made in the machine's own.
for command in 'ln -s x' mkdir mkfifo; do
    # shellcheck disable=SC2086
    said=$(run $command /dev/mapper/made 2>&1) && fail "$command succeeded"
    [[ $said == *'Operation not supported' || $said == *'not permitted' ]] || fail "$said"
    [ ! -e /dev/mapper/made ] || fail "$command made it"
done

# A script, whole; what it starts has it as well.
cat >script <<'SCRIPT'
set -e
[ -b /dev/mapper/one ]
cd /dev/mapper
dd if="$1" of=one bs=4k seek=1 conv=notrunc,fsync status=none
dd if=/dev/mapper/one bs=4k skip=1 count=1 status=none | cmp - "$1"
bash -c 'exec 3</dev/mapper/one; exec dd bs=4k count=1 status=none <&3' >/dev/null
SCRIPT
prints '' run bash script "$PWD/patch"
same 'what it wrote' patch <(sectors a 8 8)
prints '' run blkdiscard -z -o 4096 -l 4096 /dev/mapper/one
zeros 'zeroed' a 8 8
# Discarding does what the file system can do.
said=$(run blkdiscard -o 8192 -l 4096 /dev/mapper/one 2>&1) ||
    [[ $said == *'Operation not supported' ]] || fail "$said"

dmfuse remove one
prints '' run "$helpers/control"
prints 'No devices found' dmfuse ls
if is_root && command -v losetup >/dev/null; then
    dmfuse create one --table "0 8184 linear $PWD/a 0"
    losetup() { run losetup "$@"; }
    if try_loop_over /dev/mapper/one; then
        same 'a loop device over it' <(sectors a 0 8184) "$loop"
        loop_off
    fi
    dmfuse remove --retry one
fi
unmount_here
