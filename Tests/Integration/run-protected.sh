#!/usr/bin/env bash
# As: root
# Links of others in a directory like /tmp: where the kernel doesn't follow them (fs.protected_symlinks), they
# lead to no device either, under `dmfuse run` and in tables.
if [ -z "${OWN_NAMESPACE:-}" ] && unshare --mount true 2>/dev/null; then
    # The setting is the machine's: a file that says so stands in its place, for this test alone.
    OWN_NAMESPACE=1 exec unshare --mount --propagation private bash "$0"
fi
. "$(dirname "$0")/lib.sh"
need_command dmsetup
[ -n "${OWN_NAMESPACE:-}" ] || skip 'mount namespaces are not permitted here'
setting=/proc/sys/fs/protected_symlinks
echo 1 >setting
mount --bind setting "$setting" 2>/dev/null || skip "$setting can't be replaced here"
mount_here
make_random a 64
dmfuse create one --table "0 64 linear $PWD/a 0"
chmod 755 .
mkdir -m 1777 shared theirs
mkdir -m 777 plain
mkdir -m 1755 closed
chown 65534 theirs
for directory in shared theirs plain closed; do
    ln -s /dev/mapper/one "$directory/other"
    chown -h 65534 "$directory/other"
done
ln -s /dev/mapper/one shared/own
ln -s /dev/mapper/one theirs/own
ln -s /dev/mapper shared/directory
chown -h 65534 shared/directory
ln -s shared/other to-other
run() { dmfuse run -- "$@"; }
# A link of the mount's, which is no device of the machine's.
ways=(shared/own theirs/own theirs/other plain/other closed/other)
barred=(shared/other to-other shared/other/ "$PWD/shared/other" shared/../shared/other)

for way in "${ways[@]}"; do
    same "by $way" a <(run head -c 32768 "$way")
    prints '' run bash -c ': >>"$1"' write "$way"
    run dmsetup create two --table "0 8 linear $way 0"
    run dmsetup remove --retry two
done
# What isn't the end of a path.
same 'by a link to the directory' a <(run head -c 32768 shared/directory/one)
# COMMAND...: the kernel refuses the link, or finds no device of the machine's behind it.
is_barred() {
    local said
    ! said=$(run "$@" 2>&1 </dev/null) || fail "$* succeeded" "it said: $said"
    [[ $said == *@('Permission denied'|'No such file or directory')* ]] || fail "$*" "it said: $said"
}
for way in "${barred[@]}"; do
    is_barred head -c 1 "$way"
    is_barred dd if=a of="$way" conv=nocreat,notrunc status=none
    # dmsetup doesn't say which errno it was, the reasons do.
    : >reasons
    fails_like 'device-mapper: reload ioctl on two *' dmfuse run --reasons reasons -- \
        dmsetup create two --table "0 8 linear ${way%/} 0"
    [[ $(<reasons) == *@('Permission denied'|'No such file or directory')* ]] || fail "a table over $way" "$(<reasons)"
done
# Whose link it is, is compared with the user of file systems, and not with the effective one.
if command -v python3 >/dev/null; then
    cat >user.py <<'PYTHON'
import ctypes, errno, os
def call(path):
    try:
        os.chmod(path, 0o660)
    except OSError as error: # EPERM: the device is found, and isn't nobody's
        return "barred" if error.errno in (errno.EACCES, errno.ENOENT) else "found"
    return "found"
links = "shared/other", "theirs/own"
print(*map(call, links))
ctypes.CDLL(None).setfsuid(65534)
print(*map(call, links))
PYTHON
    prints 'barred found
found barred' run python3 user.py
else
    note 'the user of file systems left out: python3 is not installed'
fi
# What only reads links follows them, as readlink(2) tells everybody.
prints /dev/mapper/one run readlink -f shared/other
# Where the kernel follows them, we do.
echo 0 >setting
for way in "${ways[@]}" shared/other to-other; do
    same "by $way" a <(run head -c 32768 "$way")
    run dmsetup create two --table "0 8 linear $way 0"
    run dmsetup remove --retry two
done
unmount_here
