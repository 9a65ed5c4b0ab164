#!/usr/bin/env bash
# Whatever a program does to get to a device under `dmfuse run`: links, directories, `..`, relative paths.
. "$(dirname "$0")/lib.sh"
need_command find
mount_here
make_random a 8192
dmfuse create one --table "0 8192 linear $PWD/a 0"
dmfuse create two --table '0 8 zero'
major=$(dmfuse info -c --noheadings -o major one)
number=$(printf '%x' "$major")
dev=$(stat -c %d /dev)
run() { dmfuse run -- "$@"; }
# The machine's own, which nothing here may change.
machine() { ls -lA --time-style=+ /dev/mapper /dev/dm-* 2>/dev/null || true; }
machine >before

# MARK: What leads there

mkdir far far/away
ln -s /dev/mapper/one direct
ln -s direct second
ln -s /dev/dm-0 device
ln -s "$mnt/mapper/one" in-mount
ln -s "/dev/block/$major:0" number
ln -s /dev/mapper mapper-of-all
ln -s /dev dev
ln -s "../../..$(printf '/..%.0s' {1..40})/dev/mapper/one" far/away/up
ln -s /dev/mapper/../mapper/./one dotted
ways=(direct second device in-mount number mapper-of-all/one dev/mapper/one dev/dm-0 far/away/up dotted
    ./far/../second "$PWD/far/away/../../direct" /dev/mapper/../mapper/one /dev/../dev/dm-0
    "/dev/block/$major:0" "/dev/block/../dm-0" mapper-of-all/../dm-0 mnt-1/dm-0)
for way in "${ways[@]}"; do
    prints "block special file $number:0 $dev" run stat -L -c '%F %t:%T %d' "$way"
    prints '4194304' run blockdev --getsize64 "$way"
    same "$way" <(head -c 4096 a) <(run head -c 4096 "$way")
done
prints "character special file a:ec $dev" run stat -L -c '%F %t:%T %d' mapper-of-all/control
for way in direct second device number far/away/up; do
    prints 'symbolic link' run stat -c %F "$way"
done
prints /dev/mapper/one run readlink direct
ln -s loop loop
ln -s /dev/mapper/none none
fails_like '*Too many levels*' run stat -L loop
for way in none nothing mapper-of-all/none /dev/mapper/none; do
    fails_like '*No such file*' run stat -L "$way"
done
for way in /dev/mapper/one/x direct/x /dev/mapper/one/../two; do
    fails_like '*Not a directory*' run stat -L "$way"
done
prints "directory $dev
directory $dev" run stat -c '%F %d' /dev/mapper /dev/mapper/.
# Nothing of a mount's name is in the way: what /dev has is there, too.
prints 'character special file 1:3' run stat -c '%F %t:%T' "$DM_DEV_DIR/null"
# shellcheck disable=SC2016
prints '' run bash -c 'echo text >"$DM_DEV_DIR/null"'

# MARK: What it is called

resolved() { prints "$1" run readlink -f "$2" && prints "$1" run realpath "$2"; }
for way in direct second far/away/up mapper-of-all/one dotted; do resolved /dev/mapper/one "$way"; done
for way in device number "/dev/block/$major:0" /dev/mapper/../dm-0; do resolved /dev/dm-0 "$way"; done
resolved "$mnt/mapper/one" "$mnt/mapper/one"
resolved "$PWD/a" dev/..//"$PWD"/a
if command -v python3 >/dev/null; then # the C library's own
    prints "/dev/mapper/one
/dev/dm-0
/dev/mapper
None
$mnt
$mnt/mapper/one" run python3 -c 'import ctypes, sys
out = ctypes.create_string_buffer(4096)
library = ctypes.CDLL(None)
library.realpath.restype = ctypes.c_char_p
for path in sys.argv[1:]:
    found = library.realpath(path.encode(), out)
    print(found and found.decode())' direct "/dev/block/$major:0" mapper-of-all/ none "$mnt" "$mnt/mapper/one"
fi
prints "../dm-0" run readlink "/dev/block/$major:0"
prints "lrwxrwxrwx $major:1 -> ../dm-1" eval \
    "run ls -l /dev/block | awk '\$NF == \"../dm-1\" { print \$1, \$(NF - 2), \$(NF - 1), \$NF }'"
fails_like '*' run readlink /dev/mapper/one
fails_like '*' run readlink /dev/mapper/control
prints '/dev/dm-0
/dev/dm-0
/dev/dm-0' run bash -c 'exec 7</dev/mapper/one 8<"$1"; readlink /proc/self/fd/7 /proc/$$/fd/8 /dev/fd/7' - "$mnt/dm-0"
prints '/dev/dm-0' run sh -c 'readlink -f /proc/self/fd/0 </dev/mapper/one'
if is_root && try_loop_over a; then
    prints "$loop" run readlink -f "/dev/block/$((0x$(stat -c %t "$loop"))):$((0x$(stat -c %T "$loop")))"
    ln -s "/dev/block/$((0x$(stat -c %t "$loop"))):$((0x$(stat -c %T "$loop")))" by-number
    prints "$loop" run realpath by-number
    same 'a loop device by its number' a <(run cat by-number)
    # What concerns the link itself doesn't reach the device: a link isn't there.
    fails_like '*No such file*' run touch -h -d @1 "$(readlink by-number)"
    [ "$(stat -c %Y "$loop")" -ne 1 ] || fail "a link by number led a change of itself to $loop"
    loop_off
fi

# MARK: Relative to a directory

prints 'block special file
directory' run bash -c 'cd /dev && stat -c %F dm-0 mapper'
prints 'control
one
two' run bash -c 'cd /dev && ls mapper'
prints 'block special file
block special file
character special file
block special file' run bash -c 'cd /dev/mapper && stat -c %F one ../dm-1 ../null ../mapper/two'
prints '/dev/mapper
/dev/mapper
/dev' run bash -c 'cd /dev/mapper && pwd && /bin/pwd && cd -P .. && /bin/pwd'
prints '/dev/mapper' run bash -c 'cd mapper-of-all && /bin/pwd'
prints 'block special file' run bash -c "cd / && stat -c %F dev/mapper/one"
prints 'block special file' run bash -c "cd /dev/block && stat -L -c %F $major:0"
prints '4194304' run bash -c "cd /dev/block && blockdev --getsize64 $major:0 && exec 3<>$major:0"
# find and ls go down by openat and fstatat.
prints '/dev/mapper/one' run find /dev -name one -type b
prints '/dev/dm-0
/dev/dm-1
/dev/mapper/one
/dev/mapper/two' eval "run find /dev -type b \\( -name 'dm-*' -o -path '*/mapper/*' \\) | sort"
prints 'in-mount' run find -L in-mount -type b
if command -v python3 >/dev/null; then
    prints "b b b c l
True
['control', 'one', 'two']" run python3 -c 'import os, stat, sys
dev = os.open("/dev", os.O_RDONLY)
mapper = os.open("mapper", os.O_RDONLY, dir_fd=dev)
def kind(at, path):
    return stat.filemode(os.stat(path, dir_fd=at, follow_symlinks=False).st_mode)[0]
print(kind(dev, "dm-0"), kind(mapper, "one"), kind(mapper, "../dm-1"), kind(mapper, "../null"),
      kind(dev, "block/" + sys.argv[1]))
print(os.path.sameopenfile(mapper, os.open("/dev/mapper", os.O_RDONLY)))
print(sorted([f for d, _, f in os.walk("/dev") if d == "/dev/mapper"][0]))' "$major:0"
fi
if command -v perl >/dev/null; then
    prints '/dev/mapper/one /dev/mapper/two
dm-0 dm-1 mapper
block /dev/mapper/one
/dev/mapper one:b two:b' run perl -MCwd -e 'print join(" ", glob("/dev/mapper/[ot]*")), "\n";
opendir(my $dev, "/dev") or die; print join(" ", sort grep { /^(dm-|mapper)/ } readdir $dev), "\n";
print -b "direct" ? "block" : "none", " ", Cwd::abs_path("direct"), "\n";
chdir "/dev/mapper" or die; print getcwd(), map { " $_:" . (-b $_ ? "b" : "-") } grep { $_ ne "control" } glob("*");'
fi

# MARK: What isn't /dev

# A directory that is only called dev.
mkdir -p far/dev/mapper near
echo hi >far/dev/mapper/one
echo ho >far/dev/dm-0
for way in dev/mapper/one ./dev/mapper/one dev//mapper/./one; do prints hi run env -C far cat "$way"; done
for way in dev/dm-0 ./dev/dm-0; do prints ho run env -C far cat "$way"; done
for command in 'mkdir dev/made' 'ln -s x dev/made' 'mkdir ./dev/mapper/made'; do
    # shellcheck disable=SC2086
    fails_like '*No such file or directory' run env -C near $command
done
prints '' run env -C far mv dev/mapper/one dev/one
prints hi cat far/dev/one
[ ! -L "$mnt/made" ] && [ ! -e "$mnt/made" ] || fail 'a name below a directory dev was made in the mount'

# What the mount lacks and /dev has isn't changed by its name in the mount.
if shared=$(mktemp -p /dev/shm 2>/dev/null); then
    echo shared >"$shared"
    chmod 640 "$shared"
    before=$(stat -c '%a %Y %s' "$shared")
    by_mount=$mnt/shm/${shared##*/}
    prints shared run cat "$by_mount"
    for command in unlink 'mv -t far' 'chmod 600' "chown $(id -u)" 'touch -c -h -d @1' 'rmdir'; do
        # shellcheck disable=SC2086
        run $command "$by_mount" >said 2>&1 || true
        equal "what '$command' left" "$before" "$(stat -c '%a %Y %s' "$shared")"
    done
    ! run perl -e 'truncate(shift, 1) or exit 1' "$by_mount" || fail 'a name of /dev was cut by the mount'
    prints shared cat "$shared"
    rm "$shared"
fi

# MARK: Flags

if command -v python3 >/dev/null; then
    cat >flags.py <<'PYTHON'
import ctypes, errno, os
library = ctypes.CDLL(None, use_errno=True)
library.fopen.restype = ctypes.c_void_p
def call(name, *arguments):
    result = getattr(library, name)(*arguments)
    return errno.errorcode[ctypes.get_errno()] if result in (None, -1) else "done"
def spawn(path):
    action = (os.POSIX_SPAWN_OPEN, 5, path, os.O_RDONLY | os.O_NOFOLLOW, 0)
    try:
        return os.waitpid(os.posix_spawn("/bin/true", ["true"], os.environ, file_actions=[action]), 0)[1]
    except OSError as error:
        return errno.errorcode[error.errno]
print(call("fopen", b"none", b"wx"), call("fopen", b"direct", b"wx"))
print(spawn("/dev/mapper/one"), spawn(os.path.abspath("direct")))
remove_directory, no_replace = 0x200, 1
print(call("unlinkat", -100, b"/dev/mapper/one", remove_directory), call("unlinkat", -100, b"/dev/mapper/one", 0))
for flags in no_replace, 0:
    print(call("renameat2", -100, b"/dev/mapper/one", -100, b"/dev/mapper/two", flags))
PYTHON
    prints 'EEXIST EEXIST
0 ELOOP
ENOTDIR done
EEXIST
done' run python3 flags.py
fi
# A table of /proc is ours only for who reads it.
for table in devices partitions mounts; do
    fails_like '*' run bash -c "echo x 1<>/proc/$table"
done

# MARK: What is made

# Nothing of it may be made in the machine's /dev.
cat >making <<'SCRIPT'
for command in 'touch mapper-of-all/new' 'touch dev/dm-77' 'ln -s x mapper-of-all/new' 'mkdir dev/mapper/new' \
    'mkfifo mapper-of-all/new' 'mknod mapper-of-all/new p' 'cp a none' 'mv a dev/dm-77' 'ln a mapper-of-all/new' \
    'cp a mapper-of-all/new' 'dd if=a of=none' 'tee mapper-of-all/../dm-78' 'touch /dev/mapper/../dm-79' \
    'tee /dev/mapper/new'; do
    # shellcheck disable=SC2086
    ! "$DMFUSE" run -- $command <a >said 2>&1 || { echo "$command succeeded"; exit 1; }
done
SCRIPT
prints '' bash making
prints '' run dd if=a of=direct bs=4k count=1 conv=notrunc status=none
prints '' run bash -c 'head -c 512 a 1<>second; : >>direct'
machine >after
same "what the machine has in /dev" before after
# Where the machine has a device-mapper of its own, whose nodes can be written.
if is_root && unshare -m true 2>/dev/null; then
    cat >inside <<'SCRIPT'
set -e
mkdir own
mount -t tmpfs none own
mkdir own/mapper
touch own/mapper/one own/mapper/kernels own/dm-0
take_for_dev own
bash making
for name in /dev/mapper/one /dev/dm-0 dev/mapper/one; do "$DMFUSE" run -- stat -L -c %F "$name"; done
for name in mapper-of-all/one /dev/mapper/one /dev/dm-0 dev/mapper/one direct device; do
    "$DMFUSE" run -- dd if=a of="$name" bs=4k count=1 conv=notrunc status=none
    "$DMFUSE" run -- dd if=a of="$name" bs=4k count=1 conv=nocreat,notrunc status=none
done
# What removes, or changes what it is.
! "$DMFUSE" run -- unlink mapper-of-all/kernels 2>said
! "$DMFUSE" run -- chmod 600 mapper-of-all/kernels 2>said
! "$DMFUSE" run -- perl -e 'truncate(shift, 1) or exit 1' mapper-of-all/kernels
find own -type f -size +0 -o -type f -perm 600
ls own own/mapper
SCRIPT
    prints "block special file
block special file
block special file
own:
dm-0
fd
fuse
mapper
null
zero

own/mapper:
kernels
one" unshare -m bash inside
else
    note 'a device-mapper of the machine left out: mounting is not permitted here'
fi
prints '' run rm direct mapper-of-all
[ -e a ] && [ ! -L direct ] || fail 'rm took more than the links'
prints 'block special file' run stat -c %F /dev/mapper/one
unmount_here
