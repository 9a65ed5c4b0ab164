#!/usr/bin/env bash
# The programs that make and look at file systems, swap and partition tables find a block device in a
# mapped device: whatever ioctls they send are answered. What tools set of a device is kept.
. "$(dirname "$0")/lib.sh"
need_command blockdev
options=()
! is_root || options=(--allow-other)
mount_here "${options[@]}"
# xfs wants no less.
truncate -s 320M disk
dmfuse create x --table "0 655360 linear $PWD/disk 0"
x=/dev/mapper/x
run() { dmfuse run -- "$@"; }
# PROGRAM ARGUMENTS...: it ends well, unless it isn't installed: 1.
does() {
    command -v "$1" >/dev/null || {
        note "$1 left out: it isn't installed"
        return 1
    }
    run "$@" >said 2>&1 </dev/null || fail "$*" "$(<said)"
}
is_there() { prints "$1" run blkid -p -s TYPE -o value "$x"; }

# MARK: File systems

does mkfs.xfs -q -f "$x" && is_there xfs
does mkfs.ext4 -q -F "$x" && is_there ext4
does e2fsck -fn "$x" || true
does mkfs.btrfs -q -f "$x" && is_there btrfs
does mkswap -f "$x" && is_there swap
does mkfs.fat -I "$x" || true
does wipefs -a "$x" && prints '' run wipefs "$x"

# MARK: Partition tables

if command -v sfdisk >/dev/null; then
    # sfdisk keeps what a boot sector begins with, and partx takes that of mkfs.fat for a file system.
    run dd if=/dev/zero of="$x" bs=512 count=1 conv=notrunc,fsync status=none
    run sfdisk -q --no-tell-kernel "$x" <<<'2048,8192' || fail 'sfdisk writes a table'
    prints "$x-part1 : start=        2048, size=        8192, type=83" \
        eval 'run sfdisk --dump "$x" | sed -n "s/^\/dev\/mapper\/x[-p]*\(art\)*1/\/dev\/mapper\/x-part1/p"'
    fails_like '*' run sfdisk -q --delete "$x" 7
    does parted -s "$x" unit s print || true
    does partx --show "$x" || true
fi
does fdisk -l "$x" || true

# MARK: All options of blockdev

for option in --getsz --getsize64 --getss --getpbsz --getiomin --getioopt --getalignoff --getmaxsect \
    --getbsz --getro --getra --getfra --getdiscardzeroes --getsize --flushbufs --report; do
    case $option in
        --report) run blockdev --report "$x" >said ;;
        *) run blockdev "$option" "$x" >said || fail "blockdev $option" ;;
    esac
done
if run blockdev --getdiskseq "$x" >said 2>&1; then
    [[ $(<said) == [1-9]* ]] || fail 'blockdev --getdiskseq' "$(<said)"
else
    note "blockdev --getdiskseq left out: this blockdev doesn't know it"
fi
prints 1024 run blockdev --setbsz 1024 --getbsz "$x"
# Until the last close.
prints 4096 run blockdev --getbsz "$x"
exec 3<"$mnt/mapper/x"
run blockdev --setbsz 2048 "$x"
prints 2048 run blockdev --getbsz "$x"
exec 3<&-
fails_like '*Invalid argument' run blockdev --setbsz 3000 "$x"
# In use by another device.
dmfuse create over --table "0 8 linear $(dmfuse info -c --noheadings -o major x):0 0"
fails_like '*Device or resource busy' run blockdev --setbsz 4096 "$x"
dmfuse remove over
fails_like '*Invalid argument' run blockdev --rereadpt "$x"
# What another device below the mount has is its own.
dmfuse create other --table '0 8 zero'
before=$(run blockdev --getra /dev/mapper/other)
prints 8 run blockdev --setra 8 --getra "$x"
prints 16 run blockdev --setfra 16 --getra "$x"
prints 0 run blockdev --setra 7 --getra "$x"
prints "$before" run blockdev --getra /dev/mapper/other
dmfuse remove --retry other

# MARK: Read-only

run blockdev --setro "$x"
prints 1 run blockdev --getro "$x"
prints 'L--r' dmfuse info -c --noheadings -o attr x
dmfuse load x --table "0 655360 linear $PWD/disk 0"
dmfuse resume x
prints 1 run blockdev --getro "$x"
if is_root; then
    fails_like '*Operation not permitted' dd if=/dev/zero of="$mnt/mapper/x" bs=512 count=1 conv=notrunc
else
    fails_like '*Permission denied' dd if=/dev/zero of="$mnt/mapper/x" bs=512 count=1 conv=notrunc
fi
prints 0 run blockdev --setrw --getro "$x"
printf x | dd of="$mnt/mapper/x" bs=1 conv=notrunc status=none
# A mode of the file is no property of the device.
chmod 400 "$mnt/mapper/x"
prints 0 run blockdev --getro "$x"
dmfuse load x --readonly --table "0 655360 linear $PWD/disk 0"
dmfuse resume x
prints 1 run blockdev --setrw --getro "$x"

# Without leave nothing is set: by the library, and by the daemon, which the file's own ioctls reach.
if is_root && command -v setpriv >/dev/null && setpriv --bounding-set=-sys_admin true 2>/dev/null; then
    for option in '--setbsz 4096' --setro --flushbufs '--setra 9' --rereadpt; do
        # shellcheck disable=SC2086
        fails_like '*Permission denied' run setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin \
            blockdev $option "$x"
    done
fi
run_file() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@" <"$mnt/mapper/x"; }
if is_root && command -v setpriv >/dev/null; then
    blockdev --setbsz 512 "$mnt/mapper/x"
    chmod 666 "$mnt/mapper/x"
    fails_like '*Permission denied' run_file blockdev --setbsz 512 /dev/fd/0
fi
dmfuse remove x
unmount_here
