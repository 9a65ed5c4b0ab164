#!/usr/bin/env bash
# A daemon that ends unmounts its own mount and nothing else, whatever stands at the directory now, and
# wherever its mount is now.
. "$(dirname "$0")/lib.sh"
if is_root; then
    leave_tree() { umount -l "$1"; }
else
    leave_tree() { fusermount3 -u -z "$1"; }
fi
# Mounts at a directory, with a device, and has that open.
open_at() {
    mount_at "$@"
    dmfuse create d --table '0 64 zero'
    hold_open "$mnt/mapper/d"
    holder=$!
}
# No fusermount3 waits to unmount that.
no_helper_at() {
    local file words
    for file in /proc/[0-9]*/cmdline; do
        mapfile -d '' -t words 2>/dev/null <"$file" || continue
        [[ ${words[*]} != fusermount3*"$1" ]] || return
    done
}
mounted_at() { mounts_below "$1" | wc -l; }
can_mount

# It has left the tree, is in use, and another one stands there.
mkdir here
for option in '' --auto-unmount; do
    # For an ordinary user fusermount3 3.14 doesn't do what that promises.
    [ -z "$option" ] || is_root || continue
    # shellcheck disable=SC2086
    open_at "$PWD/here" $option
    first=$daemon
    leave_tree here
    mount_at "$PWD/here"
    dmfuse create second --table '0 64 zero'
    kill -TERM "$first"
    ends_with 0 "$first"
    eventually 'its helper has ended' no_helper_at "$PWD/here"
    equal "mounts there $option" 1 "$(mounted_at "$PWD/here")"
    prints second dmfuse info -c --noheadings -o name
    has_ended "$holder" || let_go "$holder"
    unmount_here
done

# Its path was renamed.
mkdir -p old/mnt
open_at "$PWD/old/mnt"
mv old new
kill -TERM "$daemon"
ends_with 0 "$daemon"
equal 'mounts at the new path' 0 "$(mounted_at "$PWD/new")"
let_go "$holder"
prints '' ls new/mnt

is_root || exit 0

# Nothing of it is left in the tree, and another file system stands there.
open_at "$PWD/here"
leave_tree here
mount -t tmpfs none here
touch here/theirs
kill -TERM "$daemon"
ends_with 0 "$daemon"
prints theirs ls here
umount here
let_go "$holder"

# Another file system covers it: that one stays. Ours is without a daemon then, which the next mount
# finds out.
for how in TERM force; do
    open_at "$PWD/here"
    mkdir -p below
    mount --bind here below
    mount -t tmpfs none here
    touch here/theirs
    refuses "dmfuse: unmount $PWD/here: No such file or directory: another mount covers the dmfuse there" \
        dmfuse unmount here
    if [ "$how" = TERM ]; then
        kill -TERM "$daemon"
    else
        fails_like "dmfuse: unmount $PWD/below: Device or resource busy*" dmfuse unmount below
        prints theirs ls here
        prints '' dmfuse unmount --force below
    fi
    ends_with 0 "$daemon"
    prints theirs ls here
    equal 'where it was bound' 0 "$(mounted_at "$PWD/below")"
    umount here
    equal 'mounts there' 1 "$(mounted_at "$PWD/here")"
    fails_like '*Transport endpoint is not connected' ls here
    let_go "$holder"
    mount_at "$PWD/here"
    equal 'mounts there' 1 "$(mounted_at "$PWD/here")"
    unmount_here
done

# Another file system hides the way to it.
mkdir -p hidden/mnt
open_at "$PWD/hidden/mnt"
mount -t tmpfs none hidden
kill -TERM "$daemon"
ends_with 0 "$daemon"
equal 'only the other one is left' "$PWD/hidden" "$(mounts_below "$PWD/hidden" | cut -d' ' -f2)"
umount hidden
let_go "$holder"
prints '' ls hidden/mnt

# It was moved, and it was bound elsewhere.
mkdir room
mount -t tmpfs none room
mount --make-private room
mkdir room/{from,to,bound}
open_at "$PWD/room/from"
mount --bind room/from room/bound
mount --move room/from room/to
kill -TERM "$daemon"
ends_with 0 "$daemon"
equal 'only the room is left' "$PWD/room" "$(mounts_below "$PWD/room" | cut -d' ' -f2)"
let_go "$holder"

# In use where it was bound: nothing is cut off without force.
open_at "$PWD/room/from"
let_go "$holder"
mount --bind room/from room/bound
hold_open "$PWD/room/bound/mapper/d"
holder=$!
refuses "dmfuse: unmount $PWD/room/from: Device or resource busy: in use: d" dmfuse unmount room/from
prints d dmfuse info -c --noheadings -o name
let_go "$holder"
prints '' dmfuse unmount room/from
ends_with 0 "$daemon"
equal 'only the room is left' "$PWD/room" "$(mounts_below "$PWD/room" | cut -d' ' -f2)"
umount room

# Its connection was ended: nothing is left at its directory.
open_at "$PWD/here"
umount -f here 2>/dev/null || true
ends_with 0 "$daemon"
equal 'mounts there' 0 "$(mounted_at "$PWD/here")"
let_go "$holder"
