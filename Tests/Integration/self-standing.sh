#!/usr/bin/env bash
# As: root
# A table over a file that stands on a device of the same mount is refused where that can be seen. Where
# it can't, the daemon ends all the same, and what was flushed is in the lowest file.
. "$(dirname "$0")/lib.sh"
need_command losetup mke2fs unshare
mkdir connections
mount -t fusectl none connections 2>/dev/null || skip "the way out isn't to be had: no fusectl"
make_file a 262144
# NAME: a file system on $loop at directory NAME, with a file in it.
file_system_here() {
    quietly mke2fs -q -F -t ext4 "$loop"
    mkdir -p "$1"
    mount "$loop" "$1"
    truncate -s "${2:-32M}" "$1/file"
}
circle() {
    printf 'dmfuse: create d1: Invalid argument: linear: Device lookup failed (%s stands on this mount itself: %s)' \
        "$1" "$2"
}
over() { printf 'loop device %s over %s, %s' "$(number_of "$1")" "$2" "$3"; }
number_of() { printf '%d:%d' "0x$(stat -c %t "$1")" "0x$(stat -c %T "$1")"; }

# Seen.
mount_here
dmfuse create d0 --table "0 262144 linear $PWD/a 0"
loop_here d0
lower=$loop
file_system_here one 64M
way=$(over "$lower" "$mnt/dm-0" "$mnt")
refuses "$(circle "$PWD/one/file" "$way")" dmfuse create d1 --table "0 8 linear $PWD/one/file 0"
refuses "$(circle "$PWD/one/file" "$way")" \
    dmfuse create d1 --readonly --table "0 8 linear $PWD/one/file 0"
refuses "$(circle "$lower" "$way")" dmfuse create d1 --table "0 8 linear $lower 0"
# By a number, by a link, by a bind elsewhere.
fails_like 'dmfuse: create d1: Invalid argument: *stands on this mount itself*' \
    dmfuse create d1 --table "0 8 linear $(number_of "$lower") 0"
ln -s one/file link
fails_like 'dmfuse: create d1: Invalid argument: *stands on this mount itself*' \
    dmfuse create d1 --table "0 8 linear $PWD/link 0"
# A loop device over a file there, a file system on it, and a layer over that.
loop=$(losetup -f --show "$PWD/one/file")
loops+=("$loop")
upper=$loop
file_system_here two
refuses "$(circle "$PWD/two/file" "$(over "$upper" "$PWD/one/file" "$way")")" \
    dmfuse create d1 --table "0 8 linear $PWD/two/file 0"
if grep -qw overlay /proc/filesystems; then
    mkdir two/upper two/work three
    mount -t overlay -o "lowerdir=$PWD/two,upperdir=$PWD/two/upper,workdir=$PWD/two/work" none three
    touch three/own
    fails_like 'dmfuse: create d1: Invalid argument: *stands on this mount itself*' \
        dmfuse create d1 --table "0 8 linear $PWD/three/file 0"
    umount three
else
    note 'overlay left out: this kernel does not have it'
fi
prints d0 dmfuse info -c --noheadings -o name
# Another daemon may.
here=$mnt here_daemon=$daemon
mount_here
prints '' dmfuse create d1 --table "0 8 linear $PWD/two/file 0"
prints '' dmfuse remove d1
unmount_here
mnt=$here daemon=$here_daemon DM_DEV_DIR=$here
umount two
losetup -d "$upper"
umount one
losetup -d "$lower"
loops=()
dmfuse remove --retry d0
unmount_here

# Not seen: the loop device is made over a path that other processes don't have.
mkdir elsewhere
for how in TERM force; do
    mount_here
    number=$(mounts_below "$mnt" | cut -d' ' -f1)
    dmfuse create d0 --table "0 262144 linear $PWD/a 0"
    loop=$(unshare -m --propagation private sh -ec \
        'mount --bind "$1" elsewhere && losetup -f --show elsewhere/dm-0' sh "$mnt")
    loops+=("$loop")
    file_system_here one
    head -c 1M /dev/urandom >content
    cp content one/content
    sync -f one
    dmfuse create d1 --table "0 65536 linear $PWD/one/file 0"
    dd if=content of="$(device d1)" bs=64k conv=notrunc,fsync status=none
    dd if=/dev/urandom of="$(device d1)" bs=1M count=20 seek=2 conv=notrunc status=none
    if [ "$how" = TERM ]; then
        kill -TERM "$daemon"
    else
        start "$DMFUSE" unmount --force "$mnt"
    fi
    # Where it hangs, nothing else helps.
    end=$((SECONDS + 60))
    until has_ended "$daemon" || [ "$SECONDS" -ge "$end" ]; do pause; done
    has_ended "$daemon" || {
        echo 1 >"connections/$number/abort"
        fail "it doesn't end: $how"
    }
    ends_with 0 "$daemon"
    equal 'mounts there' '' "$(mounts_below "$mnt")"
    quietly umount one
    losetup -d "$loop"
    loops=()
    loop=$(losetup -f --show a)
    loops+=("$loop")
    mount "$loop" one
    same 'what was flushed to d0' content one/content
    same 'what was flushed to d1' content <(head -c 1M one/file)
    umount one
    losetup -d "$loop"
    loops=()
done
umount connections
