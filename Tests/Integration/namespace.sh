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
