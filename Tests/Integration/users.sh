#!/usr/bin/env bash
# As: root
# A mount is its user's: others can't enter it, and where --allow-other lets them in, neither devices
# nor the control socket are open to them; root commands its own daemons.
. "$(dirname "$0")/lib.sh"
need_command setpriv
# Whose home and runtime directory aren't root's.
someone() {
    setpriv --reuid=65534 --regid=65534 --clear-groups env -u XDG_RUNTIME_DIR \
        DMFUSE_RUNTIME_DIR="$PWD/theirs/runtime" HOME="$PWD/theirs" "$@"
}
chmod 755 .
mkdir -p theirs/runtime
chmod 700 theirs/runtime
chown 65534:65534 theirs theirs/runtime
make_random a 64
chmod 644 a

mount_here
dmfuse create d --table "0 64 linear $PWD/a 0"
fails_like '*Permission denied' someone ls "$mnt"
fails_like "dmfuse: ls: $mnt: Permission denied*" someone "$DMFUSE" ls
# Not by the socket's own path, either: it is refused or out of reach.
socket=$(readlink "$mnt/mapper/control")
fails_like '*' someone test -w "$socket"
unmount_here

mount_here --allow-other
dmfuse create d --table "0 64 linear $PWD/a 0"
prints $'control\nd' someone ls "$mnt/mapper"
prints "600 0" someone stat -L -c '%a %u' "$(device d)"
fails_like '*Permission denied' someone dd if="$(device d)" of=/dev/null count=1
fails_like "dmfuse: ls: $mnt: Permission denied*" someone "$DMFUSE" ls
fails_like "dmfuse: remove d: $mnt: Permission denied*" someone "$DMFUSE" remove d
fails_like "dmfuse: *Permission denied*" someone "$DMFUSE" unmount "$mnt"
prints d dmfuse info -c --noheadings -o name
unmount_here

# A user's daemon. Root can't enter the mount, but is none the worse for it.
can_use_fusermount
mnt=$PWD/theirs/mnt
export DM_DEV_DIR=$mnt
someone mkdir "$mnt"
someone cp a theirs/a
someone "$DMFUSE" mount "$mnt"
someone "$DMFUSE" create d --table "0 64 linear $PWD/theirs/a 0"
same 'their device' a <(someone cat "$mnt/mapper/d")
prints "600 65534" someone stat -L -c '%a %u' "$mnt/mapper/d"
fails_like '*Permission denied' ls "$mnt"
fails_like "dmfuse: ls: $mnt: *" dmfuse ls
# A file that the user may not write backs no writable device, and a read-only one.
fails_like 'dmfuse: create ro: Permission denied: linear: *' someone "$DMFUSE" create ro --table "0 64 linear $PWD/a 0"
someone "$DMFUSE" create ro --readonly --table "0 64 linear $PWD/a 0"
same 'a read-only device' a <(someone cat "$mnt/mapper/ro")
make_random secret 64
chmod 600 secret
fails_like 'dmfuse: create no: Permission denied: linear: *' \
    someone "$DMFUSE" create no --readonly --table "0 64 linear $PWD/secret 0"

# Root can't see whether its daemon lives, and is told that, and what helps when it doesn't.
refusal="dmfuse: mount $mnt: Device or resource busy: a dmfuse mount of user 65534 is there, and nobody else can see whether its daemon lives: 'umount $mnt' (root) or 'dmfuse unmount $mnt' (user 65534) takes it away"
refuses "$refusal" dmfuse mount "$mnt"
theirs=$(basename "$(someone readlink "$mnt/mapper/control")" .control)
kill -KILL "$theirs"
eventually 'it is gone' has_ended "$theirs"
refuses "$refusal" dmfuse mount "$mnt"
equal 'mounts there' 1 "$(mounts_below "$mnt" | wc -l)"
umount "$mnt"
mount_at "$mnt"
unmount_here
