// stat and its kin: device files are block devices, the control socket is the control device.
//
// A link of the mapper directory looks like the node that libdevmapper would have made there.
// Raw system calls, since C libraries before 2.33 export none of the plain names.
#include "preload.h"

// All that is below /dev is of one file system, and so are the mount's devices there.
APART static void be_of_dev(struct stat *status)
{
    struct stat dev;
    int saved = errno;
    if (raw_stat(AT_FDCWD, "/dev", &dev, 0) == 0)
        status->st_dev = dev.st_dev;
    errno = saved;
}

static void be_device(struct stat *status, unsigned minor)
{
    be_of_dev(status);
    status->st_mode = S_IFBLK | (status->st_mode & 07777);
    status->st_rdev = makedev(mapped_major(), minor);
    status->st_size = 0;
    status->st_blocks = 0;
}

static void be_control(struct stat *status)
{
    be_of_dev(status);
    status->st_mode = S_IFCHR | 0600;
    status->st_rdev = makedev(control_major, control_minor);
    status->st_size = 0;
    status->st_blocks = 0;
}

// The link of sysfs to a device's directory, of which that was found.
static void be_link(struct stat *status)
{
    status->st_mode = S_IFLNK | 0777;
    status->st_nlink = 1;
    status->st_size = 0;
}

// The link of a number, of which only its end is known.
static void be_number_link(const struct path *path, struct stat *status)
{
    be_of_dev(status);
    status->st_mode = S_IFLNK | 0777;
    status->st_nlink = 1;
    status->st_rdev = 0;
    status->st_size = number_link_length(path);
    status->st_blocks = 0;
}

// Leaves a link of the mapper directory behind: what `stat` tells of it is what it leads to.
static void follow(int directory, const char *path, struct stat *status, int flags)
{
    struct stat behind;
    int saved = errno;
    // A device that is gone meanwhile stays a link that leads nowhere.
    if (raw_stat(directory, path, &behind, flags & ~AT_SYMLINK_NOFOLLOW) == 0)
        *status = behind;
    errno = saved;
}

static void be_shown(
    int directory, const struct path *path, struct stat *status, int flags)
{
    unsigned minor = 0;
    if (path->link && flags & AT_SYMLINK_NOFOLLOW) {
        be_link(status);
        return;
    }
    if (path->is_number && flags & AT_SYMLINK_NOFOLLOW) {
        be_number_link(path, status);
        return;
    }
    if (S_ISLNK(status->st_mode) && node_of(status->st_dev, status->st_ino, &minor) != no_node)
        follow(directory, path->bytes, status, flags);
    if (S_ISREG(status->st_mode) && node_of(status->st_dev, status->st_ino, &minor) == device_node)
        be_device(status, minor);
    else if (S_ISSOCK(status->st_mode) &&
             (path->length > 0 ? is_control(directory, path) : is_control_socket(directory)))
        be_control(status);
    else if (S_ISDIR(status->st_mode) &&
             (path->is_numbers ||
              directory_of(status->st_dev, status->st_ino) == mapper_directory))
        be_of_dev(status);
}

static int answer_led(int directory, const struct path *path, struct stat *status, int flags)
{
    int result = raw_stat(directory, path->bytes, status, flags);
    if (result == 0 && mount_directory())
        be_shown(directory, path, status, flags);
    if (result == 0)
        see_through(&status->st_dev);
    return result;
}

static int answer(int directory, const char *path, struct stat *status, int flags)
{
    unsigned how = flags & AT_SYMLINK_NOFOLLOW ? itself | asks : 0;
    LEAD_AT(meant, directory, path, how, -1);
    return CALL_LED(
        meant, directory, how, -1, answer_led(directory, &meant, status, flags));
}

// MARK: The names it has

// On 64-bit machines both structures are one.
_Static_assert(sizeof(struct stat) == sizeof(struct stat64), "a 64-bit machine");

EXPORTED int stat(const char *restrict path, struct stat *restrict status)
{
    return answer(AT_FDCWD, path, status, 0);
}
EXPORTED int stat64(const char *restrict path, struct stat64 *restrict status)
{
    return answer(AT_FDCWD, path, (struct stat *)status, 0);
}
EXPORTED int lstat(const char *restrict path, struct stat *restrict status)
{
    return answer(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}
EXPORTED int lstat64(const char *restrict path, struct stat64 *restrict status)
{
    return answer(AT_FDCWD, path, (struct stat *)status, AT_SYMLINK_NOFOLLOW);
}
EXPORTED int fstat(int fd, struct stat *status)
{
    if (fd < 0) { // AT_FDCWD is no descriptor here
        errno = EBADF;
        return -1;
    }
    return answer(fd, "", status, AT_EMPTY_PATH);
}
EXPORTED int fstat64(int fd, struct stat64 *status) { return fstat(fd, (struct stat *)status); }
EXPORTED int fstatat(
    int directory, const char *restrict path, struct stat *restrict status, int flags)
{
    return answer(directory, path, status, flags);
}
EXPORTED int fstatat64(
    int directory, const char *restrict path, struct stat64 *restrict status, int flags)
{
    return answer(directory, path, (struct stat *)status, flags);
}

// Programs that were linked with a C library before 2.33 call these.
EXPORTED int __xstat(int version, const char *path, struct stat *status)
{
    (void)version;
    return stat(path, status);
}
EXPORTED int __xstat64(int version, const char *path, struct stat64 *status)
{
    (void)version;
    return stat64(path, status);
}
EXPORTED int __lxstat(int version, const char *path, struct stat *status)
{
    (void)version;
    return lstat(path, status);
}
EXPORTED int __lxstat64(int version, const char *path, struct stat64 *status)
{
    (void)version;
    return lstat64(path, status);
}
EXPORTED int __fxstat(int version, int fd, struct stat *status)
{
    (void)version;
    return fstat(fd, status);
}
EXPORTED int __fxstat64(int version, int fd, struct stat64 *status)
{
    (void)version;
    return fstat64(fd, status);
}
EXPORTED int __fxstatat(
    int version, int directory, const char *path, struct stat *status, int flags)
{
    (void)version;
    return fstatat(directory, path, status, flags);
}
EXPORTED int __fxstatat64(
    int version, int directory, const char *path, struct stat64 *status, int flags)
{
    (void)version;
    return fstatat64(directory, path, status, flags);
}

// MARK: statx

// What is the mount's looks to `statx` as it does to `stat`.
APART static void be_as_seen(
    int directory, const struct path *path, int flags, struct statx *status)
{
    struct stat seen;
    int saved = errno;
    int kept = flags & (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT);
    if (answer_led(directory, path, &seen, kept) == 0) {
        status->stx_mode = (uint16_t)seen.st_mode;
        status->stx_ino = seen.st_ino;
        status->stx_dev_major = major(seen.st_dev);
        status->stx_dev_minor = minor(seen.st_dev);
        status->stx_rdev_major = major(seen.st_rdev);
        status->stx_rdev_minor = minor(seen.st_rdev);
        status->stx_size = (uint64_t)seen.st_size;
        status->stx_blocks = (uint64_t)seen.st_blocks;
    }
    errno = saved;
}

EXPORTED int statx(
    int directory, const char *restrict path, int flags, unsigned mask,
    struct statx *restrict status)
{
    unsigned how = flags & AT_SYMLINK_NOFOLLOW ? itself | asks : 0, minor;
    LEAD_AT(meant, directory, path, how, -1);
    int result = CALL_LED(
        meant, directory, how, -1,
        NEXT(statx)(directory, meant.bytes, flags, mask, status));
    if (result != 0 || !mount_directory())
        return result;
    dev_t device = makedev(status->stx_dev_major, status->stx_dev_minor);
    if (meant.link && how & itself) {
        status->stx_mode = S_IFLNK | 0777;
        status->stx_nlink = 1;
        status->stx_size = 0;
        return result;
    }
    if (S_ISSOCK(status->stx_mode) || (meant.is_number && how & itself) || meant.is_numbers ||
        node_of(device, status->stx_ino, &minor) != no_node ||
        directory_of(device, status->stx_ino) == mapper_directory)
        be_as_seen(directory, &meant, flags, status);
    device = makedev(status->stx_dev_major, status->stx_dev_minor);
    see_through(&device);
    status->stx_dev_major = major(device);
    status->stx_dev_minor = minor(device);
    return result;
}
