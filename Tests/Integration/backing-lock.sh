#!/usr/bin/env bash
# Two daemons and one backing file: any number of them reads it, or one writes it. Who comes second is
# told who is there, and changes nothing; what was locked is free with the last table that used it, and
# with the end of the daemon, whatever that was.
. "$(dirname "$0")/lib.sh"
on() { DM_DEV_DIR=$1 "$DMFUSE" "${@:2}"; }
make_random a 64
ln a link
table="0 64 linear $PWD/a 0"
mount_here
first=$mnt first_daemon=$daemon
mount_here
second=$mnt second_daemon=$daemon
advice="with 'dmfuse mount --no-lock' none looks at that"
# DAEMON DEED MOUNT COMMAND... : EBUSY, since that daemon has the file.
is_busy() {
    local who=$1 deed=$2
    shift 2
    refuses "dmfuse: $2 d: Device or resource busy: linear: Device lookup failed ($PWD/a: another dmfuse daemon, process $who, $deed; $advice)" \
        on "$@" --table "$table"
}

# One writes it.
on "$first" create d --table "$table"
on "$first" create again --table "0 32 linear $PWD/link 8"
is_busy "$first_daemon" 'writes it' "$second" create d
is_busy "$first_daemon" 'writes it' "$second" create d --readonly
prints 'No devices found' on "$second" ls
fails_like "*$PWD/link: another dmfuse daemon, process $first_daemon, writes it; *" \
    on "$second" create d --table "0 64 linear $PWD/link 0"
on "$first" remove d
is_busy "$first_daemon" 'writes it' "$second" create d
on "$first" remove again

# Both read it; then neither can write it, and what they have goes on.
on "$first" create d --readonly --table "$table"
on "$second" create d --readonly --table "$table"
is_busy "$second_daemon" 'reads it' "$first" load d
is_busy "$first_daemon" 'reads it' "$second" load d
prints "$(on "$first" table d)" on "$first" table d
same 'the first' a "$first/mapper/d"
same 'the second' a "$second/mapper/d"
# A refused load gave nothing up.
on "$second" remove d
make_random b 64
on "$second" create d --table "0 64 linear $PWD/b 0"
is_busy "$first_daemon" 'reads it' "$second" load d

# The one that is left may write it as well.
on "$first" load d --table "$table"
on "$first" resume d
dd if=b of="$first/mapper/d" bs=4k conv=notrunc,fsync status=none
same 'written' a b
refuses "dmfuse: load d: Device or resource busy: linear: Device lookup failed ($PWD/a: another dmfuse daemon, process $first_daemon, writes it; $advice)" \
    on "$second" load d --readonly --table "$table"

# Killed, it has nothing any more.
kill -9 "$first_daemon"
ends_with 137 "$first_daemon"
on "$second" load d --table "$table"
on "$second" resume d
same 'after the other was killed' a "$second/mapper/d"
mnt=$first && force_unmount_below "$mnt"

# Who doesn't want locks neither has nor sees any.
mount_here --no-lock
on "$mnt" create d --table "$table"
same 'without locks' a "$(device d)"
on "$second" remove d
on "$second" create d --table "$table"
on "$mnt" remove d
unmount_here

# Of two who come at once one wins; and locks of others don't count.
on "$second" remove d
mount_here
for round in {1..20}; do
    start on "$mnt" create d --table "$table" 2>said-1
    one=$!
    start on "$second" create d --table "$table" 2>said-2
    other=$!
    won=0
    for process in "$one" "$other"; do ! wait "$process" || won=$((won + 1)); done
    equal "round $round: who won" 1 "$won"
    on "$mnt" remove d 2>/dev/null || on "$second" remove d
done
command -v flock >/dev/null && {
    start flock -F a bash -c 'read -r _ <>never'
    holder=$!
    eventually 'it is locked' eval '! flock -n a true'
    on "$mnt" create d --table "$table"
    on "$mnt" remove d
    kill "$holder"
}
unmount_here
DM_DEV_DIR=$second dmfuse unmount "$second"
ends_with 0 "$second_daemon"
