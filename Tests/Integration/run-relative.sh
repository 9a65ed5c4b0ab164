#!/usr/bin/env bash
# A node of /dev/mapper under `dmfuse run` by a name relative to that directory, or through a descriptor of it:
# as by its absolute name. And what isn't there can't be renamed.
. "$(dirname "$0")/lib.sh"
need_command python3 dmsetup
mount_here
dmfuse create one --table '0 8 zero'
dmfuse create two --table '0 8 zero'
dmfuse create 'sp ace' --table '0 8 zero'
cat >relative.py <<'PYTHON'
import ctypes, errno, os, stat, struct, sys
library = ctypes.CDLL(None, use_errno=True)
at_cwd, remove_directory, no_replace, no_follow = -100, 0x200, 1, 0x100
number = os.stat("/dev/mapper/one").st_rdev
def call(name, *arguments):
    ctypes.set_errno(0)
    result = getattr(library, name)(*arguments)
    if result >= 0 and name.startswith("open"):
        os.close(result)
    return errno.errorcode[ctypes.get_errno()] if result == -1 else "done"
def path(front, name):
    return os.path.join(front, name).encode()
def command(): # DM_VERSION
    control = os.open("/dev/mapper/control", os.O_RDWR)
    done = call("ioctl", control, ctypes.c_ulong(0xc138fd00), struct.pack("IIII296x", 4, 0, 0, 312))
    os.close(control)
    return done
uid, gid = os.getuid(), os.getgid()
# Of a name, by the front of its path and the descriptor that it is relative to.
def without_descriptor(front, name):
    one, two, none = path(front, name), path(front, "two"), path(front, "none")
    return [call("unlink", one), call("remove", one), call("rmdir", one), call("chmod", one, 0o600),
            call("chown", one, uid, gid), call("lchown", one, uid, gid),
            call("mknod", one, stat.S_IFBLK | 0o600, ctypes.c_ulong(number)), call("mknod", none, stat.S_IFIFO | 0o600, 0),
            call("open", one, os.O_RDONLY | os.O_NOFOLLOW), call("open", one, os.O_RDWR | os.O_NOFOLLOW),
            call("rename", one, two), call("rename", two, one), call("unlink", none), call("lchown", none, uid, gid),
            call("rename", none, path(front, "none2")), call("rename", one, path(front, "none2")),
            call("link", one, path(front, "none2")), call("open", none, os.O_RDONLY | os.O_NOFOLLOW),
            # As libdevmapper does after a rename: of the old node nothing is left.
            call("rename", none, two), call("unlink", two), call("rename", none, two),
            # Only just after it, and once.
            call("rename", none, two), call("unlink", two), call("unlink", none), call("rename", none, two),
            call("unlink", two), call("rename", none, one), call("rename", none, two),
            call("unlink", two), call("mknod", one, stat.S_IFBLK | 0o600, ctypes.c_ulong(number)),
            call("rename", none, two), call("unlink", two), command(), call("rename", none, two)]
def with_descriptor(at, front, name):
    one, two, none = path(front, name), path(front, "two"), path(front, "none")
    return [call("unlinkat", at, one, 0), call("unlinkat", at, one, remove_directory),
            call("fchmodat", at, one, 0o600, 0), call("fchownat", at, one, uid, gid, 0),
            call("fchownat", at, one, uid, gid, no_follow),
            call("mknodat", at, one, stat.S_IFBLK | 0o600, ctypes.c_ulong(number)),
            call("openat", at, one, os.O_RDONLY | os.O_NOFOLLOW), call("openat", at, one, os.O_RDWR | os.O_NOFOLLOW),
            call("renameat", at, one, at, two), call("renameat", at_cwd, b"/dev/mapper/one", at, two),
            call("renameat", at, one, at_cwd, b"/dev/mapper/two"),
            call("renameat2", at, one, at, two, no_replace), call("unlinkat", at, none, 0),
            call("renameat2", at, none, at, path(front, "none2"), 0)]
def kinds(front, name, at=None):
    return [stat.filemode(os.stat(path(front, name), dir_fd=at, follow_symlinks=follow).st_mode)[0] for follow in (True, False)]
# What an absolute name answers.
wanted = without_descriptor("/dev/mapper", "one"), with_descriptor(at_cwd, "/dev/mapper", "one"), kinds("/dev/mapper", "one")
print(*wanted[0])
print(*wanted[1])
mapper = os.open("/dev/mapper", os.O_RDONLY | os.O_DIRECTORY)
link = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY)
def compare(what, wanted, found):
    if wanted != found:
        print(what, *found)
for front in "", ".", "./.", "../mapper":
    for at in mapper, link:
        compare(f"descriptor {front}", wanted[1], with_descriptor(at, front, "one"))
        compare(f"descriptor {front}", wanted[2], kinds(front, "one", at))
odd_name = r"sp\x20ace"
odd = with_descriptor(at_cwd, "/dev/mapper", odd_name), with_descriptor(mapper, "", odd_name)
compare("an odd name", *odd)
for directory in "/dev/mapper", sys.argv[1]:
    os.chdir(directory)
    for front in "", ".", "../mapper":
        compare(f"{directory} {front}", wanted[0], without_descriptor(front, "one"))
        compare(f"{directory} {front}", wanted[1], with_descriptor(at_cwd, front, "one"))
        compare(f"{directory} {front}", wanted[2], kinds(front, "one"))
PYTHON
prints "done done ENOTDIR done done done done EPERM done done done done ENOENT ENOENT ENOENT EPERM EPERM ENOENT ENOENT done done ENOENT done ENOENT ENOENT done ENOENT ENOENT done done ENOENT done done ENOENT
done ENOTDIR done done done done done done done done done EEXIST ENOENT ENOENT" dmfuse run -- python3 relative.py "$mnt/mapper"
prints '' dmfuse run -- dmsetup rename two three
prints '' dmfuse run -- dmsetup rename 'sp ace' 'a b'
unmount_here
