#!/usr/bin/env bash
# File systems on mapped devices by `mount /dev/mapper/NAME DIR` under `dmfuse run`: what mount, umount,
# findmnt, df and /etc/fstab make of them, what the open count says, and what is refused.
# As: root
# Takes: long
. "$(dirname "$0")/lib.sh"
need_command dmsetup mkfs.ext4 findmnt mountpoint losetup
need_helper mount-api
mount_here
need_loops
export LIBMOUNT_MTAB=/proc/self/mounts
run() { dmfuse run -- "$@"; }
mkdir on other

# The loop devices over files of this mount.
loops_here() { losetup -n -O NAME,BACK-FILE -l | awk -v front="$mnt/" 'index($2, front) == 1 { print $1 }'; }
open_count() { run dmsetup info -c --noheadings -o open "$1"; }
# NAME SECTORS: a device over a file.
create() {
    make_file "$1.file" "$2"
    run dmsetup create "$1" --table "0 $2 linear $PWD/$1.file 0"
}
# Removes a device right after its umount: nothing of it is open.
gone() {
    prints '' run bash -c 'umount "$2" && dmsetup remove "$1"' both "$1" "$2"
    equal 'loop devices that are left' '' "$(loops_here)"
}

create one 200000
one=/dev/mapper/one
quietly run mkfs.ext4 -q -L label "$one"
prints '' run mount "$one" on
equal 'it is open' 1 "$(open_count one)"
refuses 'device-mapper: remove ioctl on one  failed: Device or resource busy
Command failed.' run dmsetup remove one
loop=$(loops_here)
prints "$one $PWD/on ext4" run findmnt -n -o SOURCE,TARGET,FSTYPE "$one"
prints "$one" run findmnt -n -o SOURCE on
prints "$one" run bash -c 'df --output=source on | tail -n 1'
prints "$PWD/on" run bash -c "df --output=target $one | tail -n 1"
prints "$one on $PWD/on type ext4 (rw,relatime)" run bash -c 'mount | grep mapper/one'
for table in /proc/mounts /proc/self/mounts /proc/self/mountinfo /proc/1/../self/mounts; do
    [[ $table == *..* ]] && source=$loop || source=$one
    prints 1 run grep -c " $PWD/on .* $source \|^$source $PWD/on " "$table"
done
prints "$loop" findmnt -n -o SOURCE on
prints 'on is a mountpoint' run mountpoint on
prints "$(run dmsetup info -c --noheadings --separator : -o major,minor one)" run mountpoint -d on
equal 'its number in mountinfo' "$(run mountpoint -d on)" "$(run findmnt -n -o MAJ:MIN on | tr -d " ")"
# What losetup shows of it: direct I/O, gone with its last user, and the device's file.
[ "$(losetup -n -O AUTOCLEAR,DIO,RO "$loop" | tr -s ' ' | sed 's/^ //')" = '1 1 0' ] ||
    fail 'the loop device' "$(losetup -l "$loop")"
equal 'its file' "$(readlink -f "$(device one)")" "$(backing_of "$loop")"
[[ $(run mkfs.ext4 "$one" 2>&1 </dev/null) == *"is mounted; will not make a filesystem here"* ]] ||
    fail 'mkfs on a mounted device'
echo bytes >on/file

# The same file system again, from whichever name; two at once make one loop device.
ln -s "$one" link
prints '' run mount "$mnt/mapper/one" other
prints bytes cat other/file
equal 'loop devices of two mounts' "$loop" "$(loops_here)"
prints '' run umount other
equal 'it is still mounted' "$loop" "$(loops_here)"
prints '' run mount -o remount,ro on
equal 'remounted' ro,relatime "$(findmnt -n -o OPTIONS on)"
prints '' run mount -o remount,rw on
echo more >on/more
prints '' run umount "$one"
equal 'loop devices after umount' '' "$(loops_here)"
equal 'it is closed' 0 "$(open_count one)"
for name in link "$mnt/dm-0" /dev/dm-0 "/dev/block/$(run dmsetup info -c --noheadings --separator : -o major,minor one)"; do
    prints '' run mount "$name" on
    prints "$one" run findmnt -n -o SOURCE on
    prints '' run umount on
done
for _ in {1..5}; do
    start run mount "$one" on
    first=$!
    start run mount "$one" other
    second=$!
    ends_with 0 "$first"
    ends_with 0 "$second"
    equal 'loop devices of two mounts at once' 1 "$(loops_here | wc -l)"
    prints '' run umount on other
    equal 'loop devices after both' '' "$(loops_here)"
done

# By /etc/fstab's lines.
echo "$one $PWD/on ext4 noatime 0 0" >fstab
prints '' run mount -T fstab on
equal 'by a line' rw,noatime "$(findmnt -n -o OPTIONS on)"
prints '' run mount -a -T fstab
equal 'mounted once' 1 "$(findmnt -n -o TARGET on | wc -l)"
prints '' run umount on
prints '' run mount -a -T fstab
prints '' run umount -A "$one"

# A suspended device: what is written waits, and goes on.
prints '' run mount "$one" on
run dmsetup suspend --noflush one
start dd if=/dev/urandom of=on/held bs=64k count=1 oflag=direct status=none
writer=$!
eventually 'the write is held' is_held "$writer"
still_run "$writer"
run dmsetup resume one
ends_with 0 "$writer"

gone one on

# A longer table: a mounted file system takes it.
# NAME: doubles it.
double() {
    local size
    size=$(run blockdev --getsz "/dev/mapper/$1")
    make_file "$1.more" "$size"
    run dmsetup reload "$1" --table "0 $size linear $PWD/$1.file 0
$size $size linear $PWD/$1.more 0"
    run dmsetup suspend "$1"
    run dmsetup resume "$1"
}
# NAME COMMAND...: the command makes the file system on `on` fill it.
grows() {
    local before
    before=$(findmnt -n -b -o SIZE on)
    double "$1"
    quietly run "${@:2}"
    [ "$(findmnt -n -b -o SIZE on)" -gt $((before * 3 / 2)) ] || fail "${*:2}" "$(findmnt on)"
}

# Read-only tables: as mount(8) does with a write-protected device.
make_file ro.file 200000
quietly mkfs.ext4 -q -F ro.file
run dmsetup create ro --readonly --table "0 200000 linear $PWD/ro.file 0"
prints "mount: $PWD/on: WARNING: source write-protected, mounted read-only." run mount /dev/mapper/ro on
equal 'write-protected' ro "$(findmnt -n -o OPTIONS on | cut -d, -f1)"
gone ro on
create ro 200000
quietly run mkfs.ext4 -q /dev/mapper/ro
run blockdev --setro /dev/mapper/ro
prints "mount: $PWD/on: WARNING: source write-protected, mounted read-only." run mount /dev/mapper/ro on
prints '' run umount on
run blockdev --setrw /dev/mapper/ro
prints '' run mount -o ro /dev/mapper/ro on
prints '' run mount -o remount,rw on
gone ro on

# Other file systems.
for kind in xfs btrfs; do
    has_file_system "$kind" || continue
    create "$kind" 800000
    quietly run "mkfs.$kind" -q "/dev/mapper/$kind"
    prints '' run mount "/dev/mapper/$kind" on
    prints "/dev/mapper/$kind $kind" run findmnt -n -o SOURCE,FSTYPE on
    cp "$DMFUSE" on/copy
    prints '' run umount on
    prints '' run mount "/dev/mapper/$kind" on
    same 'what was copied' "$DMFUSE" on/copy
    [ "$kind" != xfs ] || grows xfs xfs_growfs on
    [ "$kind" != btrfs ] || grows btrfs btrfs filesystem resize max on
    gone "$kind" on
done

# An odd name, with the escapes of the table of mounts.
make_file odd.file 200000
run dmsetup create 'a b' --table "0 200000 linear $PWD/odd.file 0"
quietly run mkfs.ext4 -q '/dev/mapper/a\x20b'
prints '' run mount '/dev/mapper/a\x20b' on
prints '/dev/mapper/a\134x20b' run awk -v place="$PWD/on" '$2 == place { print $1 }' /proc/mounts
gone 'a b' '/dev/mapper/a\x20b'

# The new mount API.
create new 200000
# CAP_SYS_RESOURCE
if has_capability Eff 24; then
    quietly run mkfs.ext4 -q /dev/mapper/new
    prints '' run mount /dev/mapper/new on
    grows new resize2fs /dev/mapper/new
    prints '' run umount on
else
    note 'resize2fs left out: it takes CAP_SYS_RESOURCE'
fi
quietly run mkfs.ext4 -q /dev/mapper/new
prints '' run "$helpers/mount-api" ext4 /dev/mapper/new on
prints /dev/mapper/new run findmnt -n -o SOURCE on
prints '' run umount on
equal 'loop devices of the new API' '' "$(loops_here)"
fails_like 'create: EINVAL' run "$helpers/mount-api" xfs /dev/mapper/new on
for both in '/dev/mapper/new /dev/mapper/new' '/dev/mapper/new nowhere' 'nowhere /dev/mapper/new' 'nowhere nowhere'; do
    # shellcheck disable=SC2086
    fails_like 'twice: EINVAL' run "$helpers/mount-api" -t ext4 $both
done
# A context is known by whatever number, and no other is taken for it.
prints '' run "$helpers/mount-api" -d ext4 /dev/mapper/new on
prints /dev/mapper/new run findmnt -n -o SOURCE on
prints '' run umount on
fails_like 'create: EINVAL' run "$helpers/mount-api" -u ext4 /dev/mapper/new on
# The source is looked up when the file system is made: what has its name then, and not what has its minor.
create early 200000
quietly run mkfs.ext4 -q /dev/mapper/early
prints '' run "$helpers/mount-api" -b ext4 /dev/mapper/early \
    "dmsetup remove early && dmsetup create early --table '0 200000 linear $PWD/early.file 0'"
no_loops_here() { [ -z "$(loops_here)" ]; }
eventually 'the file system that nobody mounted is gone' no_loops_here
fails_like 'create: ENOENT' run "$helpers/mount-api" -b ext4 /dev/mapper/early \
    "dmsetup remove --retry early && dmsetup create late --table '0 200000 linear $PWD/early.file 0'"
prints '' run bash -c 'dmsetup rename late early && dmsetup remove early'
equal 'loop devices of the lost source' '' "$(loops_here)"
# What refuses a mount calls the device as the program does.
fails_like 'dmfuse: /dev/mapper/new: a file system needs a loop device*' \
    run unshare --mount bash -c 'mount -t tmpfs none /sys && exec "$0" ext4 /dev/mapper/new on' "$helpers/mount-api"
# Who gives up, or fails, and lives on keeps nothing open.
create given-up 8
prints '' run "$helpers/mount-api" -n ext4 /dev/mapper/given-up 'dmsetup remove given-up'
create failed 8
prints '' run "$helpers/mount-api" -f ext4 /dev/mapper/failed 'dmsetup remove failed'
equal 'loop devices of who gave up' '' "$(loops_here)"
if command -v python3 >/dev/null; then
    cat >contexts.py <<'PYTHON'
import ctypes, errno, os
library = ctypes.CDLL(None, use_errno=True)
def source(context):
    done = library.fsconfig(context, 1, b"source", b"/dev/mapper/new", 0)
    return errno.errorcode[ctypes.get_errno()] if done else "done"
def opened():
    return library.fsopen(b"ext4", 1)
contexts = [opened() for _ in range(9)]
print(*map(source, contexts))
# The last one has a place as soon as another is closed.
os.close(contexts[0])
print(source(contexts[8]), source(0), source(999))
PYTHON
    prints 'done done done done done done done done EMFILE
done EINVAL EBADF' run python3 contexts.py
fi

# What fails leaves nothing behind, and the device can be removed.
fails_like 'mount: *: wrong fs type*' run mount -t xfs /dev/mapper/new on
fails_like "mount: *mount point does not exist.*" run mount /dev/mapper/new nowhere
equal 'loop devices of failures' '' "$(loops_here)"
equal 'it is closed after failures' 0 "$(open_count new)"
fails_like 'mount: *special device /dev/mapper/nosuch does not exist*' run mount -t ext4 /dev/mapper/nosuch on
# Devices that the machine's own device-mapper may have under such a name aren't mounted.
make_file machines 200000
quietly mkfs.ext4 -q -F machines
loop=$(losetup -f --show machines)
loops+=("$loop")
cat >inside <<'SCRIPT'
set -e
mkdir own
mount -t tmpfs none own
mkdir own/mapper
mknod own/mapper/machines b 7 "$1"
mknod own/dm-77 b 7 "$1"
take_for_dev own
ln -s /dev/mapper/machines to-machines
"$MOUNT" -m ext4 /dev/mapper/machines on
umount on
for source in /dev/mapper/machines /dev/dm-77 to-machines; do
    "$DMFUSE" run -- "$MOUNT" -m ext4 "$source" on || true
    "$DMFUSE" run -- "$MOUNT" ext4 "$source" on || true
done
SCRIPT
prints "$(printf 'mount: ENOENT\ncreate: ENOENT\n%.0s' {1..3})" \
    env MOUNT="$helpers/mount-api" unshare --mount --propagation private bash inside "${loop#/dev/loop}"
loop_off
# A type that stands on no device doesn't get one; bind mounts are as they are.
prints '' run mount -t tmpfs /dev/mapper/new on
prints /dev/mapper/new run findmnt -n -o SOURCE on
prints '' run umount on
touch bound
prints '' run mount --bind /dev/mapper/new bound
equal 'a file that is bound' "$(wc -c <"$(device new)")" "$(wc -c <bound)"
prints '' run umount bound

# Swap is refused, and says why.
quietly run mkswap /dev/mapper/new
fails_like 'dmfuse: /dev/mapper/new: no swap on it: *' dmfuse run --reasons "$PWD/reasons" -- \
    swapon /dev/mapper/new
grep -q '^/dev/mapper/new: no swap on it' reasons || fail 'the reason of swapon' "$(<reasons)"
fails_like 'swapoff: /dev/mapper/new: swapoff failed: Invalid argument' run swapoff /dev/mapper/new
prints '' run dmsetup remove new
unmount_here
