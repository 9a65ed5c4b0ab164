#!/usr/bin/env bash
# The machine's own dmsetup on a mount, by `dmfuse run`: every command of a device's life.
. "$(dirname "$0")/lib.sh"
need_command dmsetup
mount_here
make_random a 8192
make_file b 8192
dmsetup() { dmfuse run -- dmsetup "$@"; }

prints 'Library version:   1.02.185 (2022-05-18)
Driver version:    4.47.0' dmsetup version
prints 'No devices found' dmsetup ls
prints '' dmsetup create one --table "0 8192 linear $PWD/a 0"
number=$(dmsetup info -c --noheadings -o major,minor one)
major=${number%:*}
backing=$(dmsetup table one | cut -d' ' -f4)
prints "one: 0 8192 linear $backing 0" dmsetup table
prints 'one: 0 8192 linear ' dmsetup status
prints "Name             Maj Min Stat Open Targ Event  UUID                            
one              $major   0 L--w    0    1      0                                 " dmsetup info -c
prints "one: 1 dependencies	: (${backing/:/, })" dmsetup deps
prints "one	($number)" dmsetup ls
prints 'linear           v1.4.0' eval "dmsetup targets | grep linear"
prints "linear           v1.4.0" dmsetup target-version linear

# Suspend, load, resume; a device above it; names, uuids.
prints '' dmsetup suspend one
prints 'Suspended' dmsetup info -c --noheadings -o suspended one
prints '' dmsetup load one --table "0 4096 linear $PWD/b 8"
prints "0 4096 linear $(dmsetup table --inactive one | cut -d' ' -f4) 8" dmsetup table --inactive one
prints '' dmsetup resume one
prints '0 4096 linear ' dmsetup status one
prints '' dmsetup rename one two
prints '' dmsetup rename two --setuuid U-1
prints 'two' dmsetup info -c --noheadings -o name -u U-1
prints '' dmsetup mknodes
prints '' dmsetup create top --table '0 8 linear /dev/mapper/two 0'
prints "top ($major:1)
 └─two ($major:0)
    └─ (${backing%:*}:1)" env LC_ALL=C.UTF-8 "$DMFUSE" run -- dmsetup ls --tree
prints '1 dependencies	: (two)' dmsetup deps -o devname top
prints '1 dependencies	: (dm-0)' dmsetup deps -o blkdevname top
prints '' dmsetup create 'a b' --table '0 8 zero'
[ -b "$(device 'a\x20b')" ] && fail 'a device file is no block device to others'
prints '0 8 zero ' dmsetup table 'a b'
# Not by the name that dmsetup shows, here as there.
prints 'block special file' dmfuse run -- stat -c %F '/dev/mapper/a\x20b'
fails_like '*No such file or directory' dmfuse run -- stat '/dev/mapper/a b'
prints '' dmsetup mknodes
prints '' dmsetup create --manglename none 'c d' --table '0 8 zero'
prints 'block special file' dmfuse run -- stat -c %F '/dev/mapper/c d'
prints 'c d: renaming to c\x20d' dmsetup mangle 'c d'
fails_like '*No such file or directory' dmfuse run -- stat '/dev/mapper/c d'
prints '' dmsetup remove 'c d'
prints '' dmsetup remove 'a b'
# The kernel makes the disk with the first table.
prints '' dmsetup create bare --notable
prints "bare	($major:2)" eval 'dmsetup ls -o blkdevname | grep bare'
prints '' dmsetup remove bare
prints '' dmsetup create st --readahead 128 --table "0 8192 striped 2 128 $PWD/a 0 $PWD/b 0"
prints '' dmsetup clear st
prints '' dmsetup remove st

# Refusals, and where the reason is.
refuses 'device-mapper: create ioctl on two  failed: Device or resource busy
Command failed.' dmsetup create two --notable
refuses 'device-mapper: remove ioctl on two  failed: Device or resource busy
Command failed.' dmsetup remove two
refuses 'device-mapper: message ioctl on two  failed: Invalid argument
Command failed.' dmsetup message two 0 hello
said=$(dmfuse run --reasons reasons -- dmsetup create t --table '0 8 nosuch' 2>&1) &&
    fail 'an unknown target was taken'
[[ $said == *'reload ioctl on t '*'failed: Invalid argument'* ]] || fail "$said"
equal 'the reason' 'nosuch: unknown target type' "$(cat reasons)"

# An event ends a wait, also one that came before it.
start dmfuse run -- dmsetup wait top 0
waiter=$!
eventually 'it waits' is_held "$waiter"
prints '' dmsetup rename top --setuuid U-2
ends_with 0 "$waiter"
prints '' dmsetup rename two one

# Removal, deferred and of all.
prints '' dmsetup remove --deferred one
prints 'State:             ACTIVE (DEFERRED REMOVE)' eval 'dmsetup info one | grep State'
prints '' dmsetup message one 0 @cancel_deferred_remove
prints '' dmsetup remove --deferred one
prints '' dmsetup remove top
prints 'No devices found' dmsetup ls
dmsetup create x --table '0 8 zero'
dmsetup create y --table '0 8 error'
prints '' dmsetup remove_all
prints 'No devices found' dmsetup ls

# Over loop devices, as scripts for the kernel have it.
if is_root && try_loop_over a; then
    numbered=$(printf '%d:%d' "0x$(stat -c %t "$loop")" "0x$(stat -c %T "$loop")")
    prints '' dmsetup create on-loop --table "0 1024 linear $loop 16"
    prints "0 1024 linear $numbered 16" dmsetup table on-loop
    same 'its bytes' <(sectors a 16 1024) "$(device on-loop)"
    prints '' dmsetup remove on-loop
fi

# The wrappers of two installations don't call each other.
cp -r "${DMFUSE%/*}/dmfuse-run" .
mkdir other
mv dmfuse-run other
printf '#!/bin/sh\necho real "$@"\n' >mount
chmod +x mount
prints 'real one two' env DMFUSE_DIR="$mnt" \
    PATH="$PWD/other/dmfuse-run/mount:${DMFUSE%/*}/dmfuse-run/mount:$PWD:$PATH" \
    timeout "$patience" mount one two
unmount_here
