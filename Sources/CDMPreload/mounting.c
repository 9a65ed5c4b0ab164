// mount(2) and its kin with a mapped device: the kernel gets a loop device over the device's file, which
// goes when nothing of it is mounted any more. swapon(2) is refused.
#include "preload.h"

#include <linux/dm-ioctl.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/swap.h>
#include <time.h>

// MARK: When it is over

// How often a device is open; -1: it isn't known.
static int open_count(unsigned minor)
{
    struct dm_ioctl status;
    int saved = errno;
    bool is_known = device_status(minor, &status);
    errno = saved;
    return is_known ? status.open_count : -1;
}

enum { step = 1, longest_clear = 200, longest_close = 1000 }; // milliseconds

static void wait_step(void)
{
    static const struct timespec time = {0, step * 1000000};
    syscall(SYS_ppoll, NULL, 0UL, &time, NULL, 0UL);
}

struct mounted about_to_mount(unsigned minor) { return (struct mounted){true, 0, minor, open_count(minor) + 1}; }

void await_close(const struct mounted *mounted)
{
    int saved = errno, waited = 0;
    unsigned minor;
    while (loop_device(mounted->number, &minor) && minor == mounted->minor) {
        if ((waited += step) > longest_clear) {
            errno = saved;
            return;
        }
        wait_step();
    }
    for (waited = 0; waited < longest_close; waited += step) {
        int count = open_count(mounted->minor);
        if (count < 0 || count < mounted->count)
            break;
        wait_step();
    }
    errno = saved;
}

// MARK: mount

bool leads_to_mapped(struct path *path, unsigned *minor)
{
    if (path->length > 0)
        lead_from_node(AT_FDCWD, path);
    if (is_mapped(AT_FDCWD, path, minor))
        return true;
    int saved = errno;
    bool is = path->length > 0 && !raw_exists(path->bytes) && lead_after(AT_FDCWD, 0, path) &&
              is_mapped(AT_FDCWD, path, minor);
    errno = saved;
    return is;
}

bool is_name_of_mapped(const struct path *path)
{
    return path->length > 0 && place_of((struct text){path->bytes, path->length}) == place_of_node;
}

static const char rootless[] =
    "only root can mount it. Without root: fuse2fs -o fakeroot DIR/mapper/NAME, or docs/howto.md\n";
static const char no_loops[] = "a file system needs a loop device, and there is none here\n";

APART int stand_in(const struct path *device, const char *given, unsigned *number)
{
    struct text name = {given, program_text(given)};
    if (!is_administrator()) {
        say(name, rootless);
        return fail(EPERM);
    }
    int loop = loop_attach(device->bytes, name, number);
    if (loop >= 0)
        return loop;
    if (errno == ENODEV) { // mount(8) takes that for an unknown file system
        say(name, no_loops);
        return fail(ENOTBLK);
    }
    if (errno != EACCES && errno != EPERM)
        return -1;
    say(name, rootless); // root of a user namespace
    return fail(EPERM);
}

// Whether a type of file system stands on no block device: what its source is called means nothing.
APART static bool is_without_device(const char *type)
{
    enum { page = 4096 };
    struct text wanted = {type, program_text(type)}, front = wanted;
    if (take(&front, "fuse") && (front.left == 0 || *front.at == '.'))
        return true;
    int saved = errno, fd = raw_open("/proc/filesystems", O_RDONLY | O_CLOEXEC);
    char *bytes = fd < 0 ? NULL : map(page);
    long count = bytes ? syscall(SYS_read, fd, bytes, (size_t)page) : 0;
    struct text rest = {bytes, count > 0 ? (size_t)count : 0};
    bool is = false;
    while (rest.left > 0 && !is) {
        const char *end = memchr(rest.at, '\n', rest.left);
        size_t whole = end ? (size_t)(end - rest.at) + 1 : rest.left;
        struct text line = {rest.at, whole};
        is = take(&line, "nodev\t") && line.left == wanted.left + 1 &&
             memcmp(line.at, wanted.at, wanted.left) == 0;
        rest.at += whole;
        rest.left -= whole;
    }
    if (bytes)
        unmap(bytes, page);
    if (fd >= 0)
        raw_close(fd);
    errno = saved;
    return is;
}

APART static int mount_mapped(
    const struct path *device, unsigned minor, const char *source, const char *target,
    const char *type, unsigned long flags, const void *data)
{
    struct mounted mounted = about_to_mount(minor);
    int loop = stand_in(device, source, &mounted.number);
    if (loop < 0)
        return -1;
    struct loop_path path = loop_path(mounted.number);
    int result = NEXT(mount)(path.bytes, target, type, flags, data);
    raw_close(loop);
    if (result != 0)
        await_close(&mounted);
    return result;
}

EXPORTED int mount(
    const char *source, const char *target, const char *type, unsigned long flags, const void *data)
{
    enum {
        magic = 0xffffUL << 16,
        made = MS_REMOUNT | MS_BIND | MS_MOVE | MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE,
    };
    unsigned minor;
    if (!mount_directory() || !source)
        return NEXT(mount)(source, target, type, flags, data);
    LEAD_AT(meant, AT_FDCWD, source, changes, -1);
    unsigned long meant_flags = (flags & magic) == MS_MGC_VAL ? flags & ~(unsigned long)magic : flags;
    if (meant_flags & MS_BIND)
        source = meant.bytes;
    if (!type || meant_flags & made)
        return NEXT(mount)(source, target, type, flags, data);
    bool is_mapped = leads_to_mapped(&meant, &minor);
    if (!(is_mapped || is_name_of_mapped(&meant)) || is_without_device(type))
        return NEXT(mount)(source, target, type, flags, data);
    return is_mapped ? mount_mapped(&meant, minor, source, target, type, flags, data)
                     : NEXT(mount)(meant.bytes, target, type, flags, data);
}

// MARK: umount

// The number of the mount at a place. false: not known.
APART static bool mount_number(const char *target, int flags, uint64_t *number)
{
    struct statx status;
    flags = (flags & UMOUNT_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0) | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT;
    if (syscall(SYS_statx, AT_FDCWD, target, flags, STATX_MNT_ID, &status) != 0 ||
        !(status.stx_mask & STATX_MNT_ID))
        return false;
    *number = status.stx_mnt_id;
    return true;
}

// What stands at a place now.
APART static struct mounted look(const char *target, int flags)
{
    struct mounted mounted = {false, 0, 0, 0};
    uint64_t mount;
    int saved = errno;
    mounted.is = mount_directory() && mount_number(target, flags, &mount) &&
                 mounted_loop(mount, &mounted.number) == 0 &&
                 loop_device(mounted.number, &mounted.minor);
    if (mounted.is)
        mounted.count = open_count(mounted.minor);
    errno = saved;
    return mounted;
}

// Where the kernel has nothing: a node is there, and nothing is mounted on it.
APART static int umount_name(const char *target, int flags)
{
    LEAD_AT(meant, AT_FDCWD, target, 0, -1);
    return is_name_of_mapped(&meant) ? NEXT(umount2)(meant.bytes, flags) : fail(ENOENT);
}

EXPORTED int umount2(const char *target, int flags)
{
    struct mounted mounted = look(target, flags);
    int saved = errno, result = NEXT(umount2)(target, flags);
    if (result == 0 && mounted.is)
        await_close(&mounted);
    // Only now: what is mounted somewhere may not answer, whatever is asked of it.
    if (result != 0 && errno == ENOENT) {
        errno = saved;
        result = umount_name(target, flags);
    }
    return result;
}
EXPORTED int umount(const char *target) { return umount2(target, 0); }

// MARK: Swap

// The daemon may be swapped out itself, to a device that only it can read.
static const char no_swap[] =
    "no swap on it: the daemon that serves it might be swapped out to it itself, and wait for ever\n";

EXPORTED int swapon(const char *path, int flags)
{
    LEAD_AT(meant, AT_FDCWD, path, changes, -1);
    unsigned minor;
    if (!leads_to_mapped(&meant, &minor))
        return NEXT(swapon)(meant.bytes, flags);
    say((struct text){path, program_text(path)}, no_swap);
    return fail(EINVAL);
}
EXPORTED int swapoff(const char *path)
{
    LEAD_AT(meant, AT_FDCWD, path, changes, -1);
    return NEXT(swapoff)(meant.bytes);
}
