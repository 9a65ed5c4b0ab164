#!/usr/bin/env bash
# `dmfuse run` with other preloaded libraries, before and behind ours: neither leads the other's calls back
# to it, and both do their work. libfakeroot is one of them.
. "$(dirname "$0")/lib.sh"
need_command dmsetup
need_helper preload-beside
mount_here
make_file a 2048
dmfuse create one --table "0 2048 linear $PWD/a 0"
beside=$helpers/preload-beside
library=$helpers/libdmfuse-preload.so

# What a program sees of a device. SYSCALL_TOLD is for programs that call syscall(2) nowhere else.
cat >look <<'END'
SYSCALL_TOLD=$PWD/told stat -c '%F %t:%T' /dev/mapper/one
SYSCALL_TOLD=$PWD/told cat /sys/block/dm-0/dm/name
test -b /dev/dm-0 && echo block
readlink -f /dev/mapper/one
dmsetup info -c --noheadings -o name,open one
blockdev --getsize64 /dev/mapper/one
head -c 5 /dev/mapper/one | tr '\0' 0
END
wanted=$(dmfuse run -- bash look)
[[ $wanted == 'block special file '*00000 ]] || fail 'without others' "$wanted"
# COMMAND...: sees the same, and ends.
sees_the_same() { equal "$*" "$wanted" "$(soon "$@" 2>&1)"; }

sees_the_same env LD_PRELOAD="$beside" "$DMFUSE" run -- bash look
sees_the_same "$DMFUSE" run -- env LD_PRELOAD="$beside:$library" bash look
sees_the_same "$DMFUSE" run -- env LD_PRELOAD="$library:$beside" bash look
[ ! -e told ] || fail "the library calls another's syscall"

# libfakeroot's users and owners hold, on files and on devices.
if command -v fakeroot >/dev/null; then
    cat look - >owners <<'END'
echo
id -u
touch owned
chown 5:6 owned
chown 7:8 /dev/mapper/one
stat -c %u:%g owned /dev/mapper/one
mknod node b 7 3
stat -c '%F %t:%T' node
rm owned node
END
    wanted="$wanted
0
5:6
7:8
block special file 7:3"
    sees_the_same "$DMFUSE" run -- fakeroot bash owners
    dmfuse remove one
    dmfuse create one --table "0 2048 linear $PWD/a 0"
    sees_the_same fakeroot "$DMFUSE" run -- bash owners
else
    note "fakeroot isn't installed: left out"
fi
unmount_here
