#!/usr/bin/env bash
# A device of a table line is what the client means by it: relative to its working directory, under
# its device directory, in the mount, or through a link; and none of it makes the daemon wait for itself.
. "$(dirname "$0")/lib.sh"
mount_here
mkdir -p deep/deeper
make_random a 64
make_random deep/a 64
dmfuse create top --table "0 64 linear $PWD/a 0"
number=$(dmfuse info -c --noheadings -o major,minor top)
minor=${number#*:}

# LINE'S DEVICE, EXPECTED FILE
shows() {
    soon "$DMFUSE" create d --table "0 64 linear $1 0" || fail "$1 was refused"
    same "$1" "$2" "$(device d)"
    dmfuse remove d
}
is_top() {
    soon "$DMFUSE" create d --table "0 64 linear $1 0" || fail "$1 was refused"
    prints "0 64 linear $number 0" dmfuse table d
    dmfuse remove d
}
file=$PWD/a deep=$PWD/deep/a
shows a "$file"
shows ./deep/../a "$file"
cd deep
shows a "$deep"
shows ../a "$file"
cd deeper
shows ../a "$deep"
cd "$test_directory"
ln -s deep/a link
shows link "$deep"
# A working directory that is gone.
mkdir gone && cd gone && rmdir "$test_directory/gone"
fails_like 'dmfuse: create d: No such device: linear: *' \
    "$DMFUSE" create d --table '0 64 linear file 0'
cd "$test_directory"

is_top "$mnt/mapper/top"
is_top "$mnt/dm-$minor"
is_top "$mnt//mapper/./top"
is_top "mnt-1/mapper/top"
is_top "$number"
is_top "$mnt/mapper/../../mnt-1/dm-$minor"
cd "$mnt/mapper"
is_top top
is_top "../dm-$minor"
shows ../../a "$file"
shows "$mnt/../deep/a" "$deep"
cd "$test_directory"
env -u DM_DEV_DIR "$DMFUSE" create --dir "$mnt" d --table '0 64 linear /dev/mapper/top 0'
prints "0 64 linear $number 0" dmfuse table d
dmfuse remove d

# Links from outside into the mount.
ln -s "$mnt/mapper/top" into
ln -s "$mnt/dm-$minor" into-file
ln -s "$mnt" into-directory
is_top "$PWD/into"
is_top into-file
is_top into-directory/mapper/top
# A link that says /dev/mapper means the client's, as lvm's do: be it in /dev, in the mount, or reached
# by way of another one.
mkdir "$mnt/vg" dev
ln -s /dev/mapper/top "$mnt/vg/lv"
ln -s ../mapper/top "$mnt/vg/relative"
ln -s vg "$mnt/other"
ln -s /dev/mapper/top dev/lv
ln -s "$mnt/vg/lv" two
ln -s mapper/top "$mnt/short"
is_top "$mnt/vg/lv"
is_top "$mnt/vg/relative"
is_top "$mnt/other/lv"
is_top "$mnt/other/../vg/lv"
is_top "$mnt/vg/../mapper/top"
is_top "$mnt/short"
is_top two
is_top_by_dev() {
    soon env DM_DEV_DIR=/dev "$DMFUSE" create --dir "$mnt" d --table "0 64 linear $1 0" || fail "$1 was refused"
    prints "0 64 linear $number 0" dmfuse table d
    dmfuse remove d
}
is_top_by_dev "$PWD/dev/lv"
is_top_by_dev /dev/vg/lv
is_top_by_dev /dev/other/relative
ln -s itself "$mnt/itself"
ln -s /dev/mapper/nosuch "$mnt/vg/nothing"
ln -s ../../a "$mnt/vg/out"
shows "$mnt/vg/out" "$file"
# The same, while the device that it leads to is suspended and has I/O waiting.
dmfuse suspend top
start dd if="$(device top)" of=read bs=4k count=1 iflag=direct status=none
reader=$!
eventually 'the read is held' is_held "$reader" 0
is_top into
is_top "$mnt/mapper/top"
dmfuse resume top
ends_with 0 "$reader"

# What is no device: never a hang, never a stranger.
# A link of procfs would be the daemon's own, not the client's, however it is reached.
mkfifo fifo
ln -s /proc/self/fd/12 through-link
exec 12<>a
for path in /dev/fd/12 /proc/self/fd/12 /proc/self/mem through-link \
    "$mnt/itself" "$mnt/vg/nothing" "$mnt/vg" "$mnt/mapper/nosuch" "$mnt/nosuch" "$mnt" "$mnt/mapper/control" "$mnt/dm-99999" \
    /dev/mapper/nosuch nosuch "$PWD" fifo /dev/null into-directory; do
    fails_like 'dmfuse: create d: No such device: linear: Device lookup failed*' \
        soon "$DMFUSE" create d --table "0 64 linear $path 0"
done
fails_like 'dmfuse: create d: No such device or address: linear: Device lookup failed*' dmfuse create d --table '0 64 linear 17 0'
prints top dmfuse info -c --noheadings -o name
# A device by its path, in a command's place of a name.
prints "0 64 linear $(dmfuse table top | cut -d' ' -f4) 0" dmfuse table "$mnt/mapper/top"
prints top dmfuse info -c --noheadings -o name "$mnt/dm-$minor"
unmount_here
