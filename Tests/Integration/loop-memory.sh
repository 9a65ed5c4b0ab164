#!/usr/bin/env bash
# As: root
# A daemon with little memory, which what is written through it has to share: writing more than fits
# comes to its end. A daemon that waited for the write-back of its own files' pages would not.
. "$(dirname "$0")/lib.sh"
need_command mkfs.ext4 e2fsck timeout
group=
for root in /sys/fs/cgroup/memory /sys/fs/cgroup; do
    if [ -e "$root/memory.limit_in_bytes" ] || grep -qsw memory "$root/cgroup.subtree_control"; then
        group=$root/dmfuse-test-$$
        break
    fi
done
[ -n "$group" ] && mkdir "$group" 2>/dev/null || skip "no memory control group can be made here"
# Whatever hangs is given memory first.
leave_group() {
    local status=$?
    [ ! -e "$group/memory.limit_in_bytes" ] || echo -1 >"$group/memory.limit_in_bytes"
    [ ! -e "$group/memory.max" ] || echo max >"$group/memory.max"
    force_unmount_below "$test_directory"
    eventually 'the group is empty' rmdir "$group" 2>/dev/null
    (exit "$status")
    at_end
}
trap leave_group EXIT
limit=$((64 << 20))
if [ -e "$group/memory.limit_in_bytes" ]; then
    echo "$limit" >"$group/memory.limit_in_bytes"
else
    echo "$limit" >"$group/memory.max"
fi
# Whatever a shell starts from now on is in the group.
in_group() { bash -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' group "$group" "$@"; }

can_mount
mkdir mnt there
mnt=$PWD/mnt
export DM_DEV_DIR=$mnt
# Without this right a daemon waits for the write-back of what is written through itself.
if has_capability Eff 24; then
    start in_group "$DMFUSE" mount --foreground "$mnt"
else
    note 'the daemon is left out of the group: CAP_SYS_RESOURCE is missing'
    start "$DMFUSE" mount --foreground "$mnt"
fi
daemon=$!
eventually 'the daemon answers' daemon_answers
make_file a 524288
dmfuse create fs --table "0 524288 linear $PWD/a 0"
head -c 112M /dev/zero | tr '\0' x >pattern.head
for direct in off on; do
    loop_here fs "$direct"
    quietly mkfs.ext4 -q "$loop"
    mount "$loop" there
    start in_group dd if=pattern.head of=there/file bs=1M conv=fsync status=none
    writer=$!
    ends_with 0 "$writer"
    same 'what was written' pattern.head there/file
    umount there
    quietly e2fsck -fn "$loop"
    loop_off
done
dmfuse remove --retry fs
unmount_here
