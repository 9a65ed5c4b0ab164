#!/usr/bin/env bash
# As in a container: in a user namespace of its own, where mounting takes no help.
# As: user
. "$(dirname "$0")/lib.sh"
need_command unshare mke2fs e2fsck
unshare -Urm true 2>/dev/null || skip "user namespaces aren't permitted here"
unshare -Urm sh -c 'exec 3<>/dev/fuse' 2>/dev/null || skip "/dev/fuse can't be opened in a user namespace"
mkdir mnt
make_file a 16384
make_random content 512
cat >inside <<'SCRIPT'
set -Eeuo pipefail
export DM_DEV_DIR=$PWD/mnt
"$DMFUSE" mount mnt
"$DMFUSE" create fs --table "0 16384 linear $PWD/a 0"
mke2fs -q -F "mnt/mapper/fs"
debugfs -w -R "write content inside" mnt/mapper/fs >said 2>&1
"$DMFUSE" suspend fs
"$DMFUSE" resume fs
e2fsck -fn mnt/mapper/fs >said 2>&1
stat -c '%u %g' "$(readlink -f mnt/mapper/fs)"
"$DMFUSE" remove fs
"$DMFUSE" unmount mnt
SCRIPT
prints '0 0' soon unshare -Urm bash inside
# The bytes are there when the namespace is gone.
quietly e2fsck -fn a
debugfs -R 'dump inside out' a >said 2>&1
same 'what was written in there' content out

# Where the socket is: whatever is in /run and /tmp, and whatever was set outside.
unset DMFUSE_RUNTIME_DIR XDG_RUNTIME_DIR
mkdir -m 700 login chosen
cat >places <<'SCRIPT'
set -Eeuo pipefail
export DM_DEV_DIR=$PWD/mnt
"$@"
"$DMFUSE" mount mnt
dirname "$(readlink mnt/mapper/control)"
"$DMFUSE" ls
"$DMFUSE" unmount mnt
SCRIPT
place() { prints "$1"$'\nNo devices found' timeout "$patience" unshare -Urm bash places "${@:2}"; }
# /run/dmfuse that is somebody else's, as where root has a mount: who that is can't be told.
cat >others <<'SCRIPT'
set -Eeuo pipefail
mount -t tmpfs none /run
mkdir /run/dmfuse
mount --rbind /usr /run/dmfuse
SCRIPT
XDG_RUNTIME_DIR=$PWD/login place "$PWD/login/dmfuse" bash others
XDG_RUNTIME_DIR=$PWD/login DMFUSE_RUNTIME_DIR=$PWD/chosen place "$PWD/chosen" bash others
place /run/dmfuse mount -t tmpfs none /run
# Processes of one number, in two namespaces that share a directory.
export DMFUSE_RUNTIME_DIR=$PWD/chosen
mkdir one two
cat >numbered <<'SCRIPT'
set -Eeuo pipefail
export DM_DEV_DIR=$PWD/$1
"$DMFUSE" mount --foreground "$1" &
daemon=$!
until "$DMFUSE" ls >/dev/null 2>&1; do kill -0 "$daemon"; read -r -t 0.02 _ <>never || true; done
readlink "$1/mapper/control" >"$1.socket"
until [ -s one.socket ] && [ -s two.socket ]; do read -r -t 0.02 _ <>never || true; done
"$DMFUSE" unmount "$1"
wait "$daemon"
SCRIPT
daemons=()
for directory in one two; do
    timeout "$patience" unshare -Urmpf --mount-proc bash numbered "$directory" >"$directory.log" 2>&1 &
    daemons+=($!)
    eventually "the daemon of $directory answers" test -s "$directory.socket"
done
for daemon in "${daemons[@]}"; do
    wait "$daemon" || fail 'a daemon ended badly' "$(cat one.log two.log)"
done
[ "$(sort -u one.socket two.socket | wc -l)" -eq 2 ] || fail 'they have one socket'
