#!/usr/bin/env bash
# As: root
# A control socket behind which another user listens: root, like anybody, tells it nothing and gives
# nothing away. And what another user makes in /tmp keeps nobody out.
. "$(dirname "$0")/lib.sh"
need_command setpriv perl unshare
someone() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
chmod 755 .
mkdir -m 755 -p theirs/mapper hidden
chown 65534:65534 theirs theirs/mapper

# It notes what it is told by each.
cat >listener.pl <<'SCRIPT'
use IO::Socket::UNIX;
my $listener = IO::Socket::UNIX->new(Local => "theirs/mapper/control", Listen => 5) or die "listen: $!";
open my $log, ">", "theirs/log" or die "log: $!";
$log->autoflush(1);
while (my $client = $listener->accept) {
    my $count = sysread($client, my $bytes, 4096);
    print $log "told $count bytes\n";
}
SCRIPT
# No function: its process is to be the one that is ended.
start setpriv --reuid=65534 --regid=65534 --clear-groups perl listener.pl
listener=$!
eventually 'somebody listens' test -S theirs/mapper/control
theirs=$PWD/theirs
chmod 700 hidden
cd hidden
export DM_DEV_DIR=$theirs
refused="$theirs: Permission denied: it belongs to another user: give the command as that user"
refuses "dmfuse: ls: $refused" dmfuse ls
refuses "dmfuse: create x: $refused" dmfuse create x --table '0 1 zero'
refuses "dmfuse: unmount $refused" dmfuse unmount "$theirs"
fails_like "dmfuse: run: $theirs: Permission denied*" dmfuse run --dir "$theirs" -- true
# In a namespace that knows neither of us we have the same number.
visits=4
if unshare -U true 2>/dev/null; then
    chmod 777 "$theirs/mapper/control"
    refuses "dmfuse: ls: $refused" unshare -U "$DMFUSE" ls
    visits=5
fi
cd ..
told() { [ "$(wc -l <theirs/log)" -eq "$visits" ]; }
eventually 'all have been there' told
equal 'what it was told' 'told 0 bytes' "$(sort -u theirs/log)"
kill "$listener"
unset DM_DEV_DIR

# Their daemon is theirs to command, even for root, who can reach its socket.
can_use_fusermount
mkdir -p fake/mapper
someone mkdir theirs/mnt
someone env HOME="$theirs" DMFUSE_RUNTIME_DIR="$theirs/run" "$DMFUSE" mount "$theirs/mnt"
ln -s "$(someone readlink theirs/mnt/mapper/control)" fake/mapper/control
refuses "dmfuse: ls: $PWD/fake: Permission denied: it belongs to another user: give the command as that user" \
    dmfuse --dir "$PWD/fake" ls
prints 'No devices found' someone "$DMFUSE" --dir "$theirs/mnt" ls
someone "$DMFUSE" unmount "$theirs/mnt"

# In their user namespace they have root's number: root's mount is no choice there.
mount_here
someone mkdir theirs/inner
cat >choice <<'SCRIPT'
set -Eeuo pipefail
unset DM_DEV_DIR
"$DMFUSE" mount theirs/inner
# Of other mounts on this machine some may be open to all.
"$DMFUSE" ls 2>&1 || true
"$DMFUSE" unmount theirs/inner
SCRIPT
if someone unshare -Urm sh -c 'exec 3<>/dev/fuse' 2>/dev/null; then
    said=$(someone env HOME="$theirs" DMFUSE_RUNTIME_DIR="$theirs/run" \
        timeout "$patience" unshare -Urm bash choice)
    [[ $said == 'No devices found' || ($said == *"$theirs/inner"* && $said != *"$mnt"*) ]] ||
        fail 'the choice of mounts' "$said"
else
    note "user namespaces left out: they aren't permitted here"
fi
unmount_here

# Every name that can be known in advance is somebody else's.
unshare -m true 2>/dev/null || skip "a namespace of mounts can't be had"
cat >inside <<'SCRIPT'
set -Eeuo pipefail
mount -t tmpfs -o mode=755 none /run
mkdir -m 755 /run/here /run/bin
mount --bind "$PWD" /run/here
mount --bind "${DMFUSE%/*}" /run/bin
mount -t tmpfs -o mode=1777 none /tmp
mkdir -m 700 /run/dmfuse
chown 65534 /run/dmfuse
setpriv --reuid=65534 --clear-groups mkdir -m 700 /tmp/dmfuse-0
cd /run/here
unset DMFUSE_RUNTIME_DIR XDG_RUNTIME_DIR
export TMPDIR=$PWD DM_DEV_DIR=$PWD/mnt DMFUSE=/run/bin/dmfuse
mkdir mnt
"$DMFUSE" mount mnt
readlink mnt/mapper/control | sed 's/0-[^/]*/0-RANDOM/; s/[0-9]*\.control/PID.control/'
"$DMFUSE" ls
stat -c '%a %u' /tmp/dmfuse-0-*
"$DMFUSE" unmount mnt
ls -A /run/dmfuse /tmp/dmfuse-0
SCRIPT
prints $'/tmp/dmfuse-0-RANDOM/PID.control\nNo devices found\n700 0\n/run/dmfuse:\n\n/tmp/dmfuse-0:' \
    timeout 100 unshare -m bash inside
