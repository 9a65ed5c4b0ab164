#!/usr/bin/env bash
# Where the control socket is, and what others can do about it: $DMFUSE_RUNTIME_DIR, a umask that takes
# all rights, names that were taken before, and what killed daemons left.
. "$(dirname "$0")/lib.sh"
can_mount
socket() { readlink "$mnt/mapper/control"; }
at_mount() { mkdir "$1" && mounts=$((mounts + 1)) && mount_at "$PWD/$1"; }

# The one that is set is used, and made, under a umask of no rights, too.
export DMFUSE_RUNTIME_DIR=$PWD/run
mkdir narrow
(umask 0777 && exec "$DMFUSE" mount "$PWD/narrow")
DM_DEV_DIR=$PWD/narrow prints 'No devices found' dmfuse ls
equal 'its directory' '700' "$(stat -c %a run)"
mnt=$PWD/narrow
equal 'the socket' '600' "$(stat -c %a "$(socket)")"
[[ $(socket) == "$PWD"/run/*.control ]] || fail 'another directory' "$(socket)"
prints '' dmfuse unmount "$mnt"
# After its answer the daemon still has to take its socket away.
eventually 'nothing is left there' eval '[ -z "$(ls -A run)" ]'

# One that can't be used is refused by name, and no other is taken.
mkdir refused
chmod 755 run
refuses "dmfuse: mount $PWD/refused: Operation not permitted: DMFUSE_RUNTIME_DIR $PWD/run: not a directory of mode 0700 of user $(id -u)" \
    dmfuse mount refused
chmod 700 run
ln -s run link
DMFUSE_RUNTIME_DIR=$PWD/link fails_like "dmfuse: mount $PWD/refused: Operation not permitted: DMFUSE_RUNTIME_DIR $PWD/link: *" \
    dmfuse mount refused
DMFUSE_RUNTIME_DIR=run refuses "dmfuse: mount $PWD/refused: Invalid argument: DMFUSE_RUNTIME_DIR run: not an absolute path" \
    dmfuse mount refused
DMFUSE_RUNTIME_DIR=$PWD/none/below fails_like "dmfuse: mount $PWD/refused: No such file or directory: DMFUSE_RUNTIME_DIR $PWD/none/below*" \
    dmfuse mount refused
! is_mounted "$PWD/refused" || fail 'it is mounted'

# One that the mount would cover: nobody could answer yet on the way to the socket.
mkdir -p covered/run
chmod 700 covered covered/run
ln -s covered around
for directory in covered covered/run around/run; do
    DMFUSE_RUNTIME_DIR=$PWD/$directory refuses \
        "dmfuse: mount $PWD/covered: Invalid argument: it would cover $(readlink -f "$directory"), which the daemon needs" \
        soon "$DMFUSE" mount covered
done
! is_mounted "$PWD/covered" || fail 'it is mounted'
# A way that leads through the directory, and out of it.
rmdir covered/run
DMFUSE_RUNTIME_DIR=$PWD/covered/../run prints '' soon "$DMFUSE" mount covered
[[ $(readlink covered/mapper/control) == "$PWD"/run/*.control ]] || fail 'another directory'
DM_DEV_DIR=$PWD/covered prints 'No devices found' dmfuse ls
prints '' dmfuse unmount covered

# What a killed daemon left goes with the next start, though its process is a zombie: nobody waits
# for it until then.
bash -c '"$1" mount --foreground "$2" & echo $! >pid; exec sleep 1000' hold "$DMFUSE" "$(mkdir killed && echo "$PWD/killed")" &
holder=$!
eventually 'the daemon is known' test -s pid
mnt=$PWD/killed
export DM_DEV_DIR=$mnt
eventually 'it answers' dmfuse ls >/dev/null
dead=$(socket)
kill -KILL "$(cat pid)"
is_zombie() { grep -q '^State:.Z' "/proc/$(cat pid)/status"; }
eventually 'the daemon is a zombie' is_zombie
[ -S "$dead" ] || fail 'the socket went with its daemon'
at_mount next
[ ! -e "$dead" ] || fail 'the socket of the dead daemon is there still'
prints 'No devices found' dmfuse ls
unmount_here
kill "$holder"

# So does one that was killed before its socket had its name. And whoever clears away has his turn: else
# a name that he finds dead could be a new daemon's when he takes it away.
leave_socket() {
    perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 1) or die "$!"' "$1"
}
if ! command -v perl >/dev/null; then
    note 'names of killed daemons left out: perl is not installed'
    exit 0
fi
left=(run/1.control run/1.control.3w5e11264sgsf)
for path in "${left[@]}"; do leave_socket "$path"; done
exec 5<run
flock 5
mkdir waiting
start "$DMFUSE" mount --foreground "$PWD/waiting"
daemon=$!
# With the directory open it sleeps for nothing else.
waits() { [ -n "$(find "/proc/$daemon/fd" -lname "$PWD/run" 2>/dev/null)" ] && is_held "$daemon"; }
eventually 'a daemon waits for its turn' waits
equal 'what is left while another has the turn' "${left[*]}" "$(echo run/1.*)"
flock -u 5
exec 5<&-
mnt=$PWD/waiting
export DM_DEV_DIR=$mnt
eventually 'it answers' dmfuse ls >/dev/null
for path in "${left[@]}"; do [ ! -e "$path" ] || fail "$path is there still"; done
unmount_here
