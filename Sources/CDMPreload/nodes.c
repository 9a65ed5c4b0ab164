// Nodes of the mapper directory. They are there by themselves, and change by commands: what
// libdevmapper does to bring them about has happened already.
#include "preload.h"

#include <stdio.h>

// A node of the mapper directory that is there.
static bool is_node(const char *path)
{
    struct stat status;
    unsigned minor;
    int saved = errno;
    bool is = is_in_mapper(path) &&
              raw_stat(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
              node_of(status.st_dev, status.st_ino, &minor) != no_node;
    errno = saved;
    return is;
}

static bool device_exists(dev_t device)
{
    char path[PATH_MAX];
    struct stat status;
    int saved = errno;
    snprintf(path, sizeof path, "%s/dm-%u", mount_directory(), minor(device));
    bool is = major(device) == mapped_major() && raw_stat(AT_FDCWD, path, &status, 0) == 0;
    errno = saved;
    return is;
}

// Also under another name than ours: programs differ in how they write odd characters.
static int make_node(int directory, const char *path, mode_t mode, dev_t device)
{
    struct path room;
    path = led(path, &room);
    if (S_ISBLK(mode) && is_in_mapper(path) && device_exists(device))
        return 0;
    return (int)syscall(SYS_mknodat, directory, path, mode, (unsigned)device);
}

EXPORTED int mknod(const char *path, mode_t mode, dev_t device)
{
    return make_node(AT_FDCWD, path, mode, device);
}
EXPORTED int mknodat(int directory, const char *path, mode_t mode, dev_t device)
{
    return make_node(directory, path, mode, device);
}
// C libraries before 2.33.
EXPORTED int __xmknod(int version, const char *path, mode_t mode, dev_t *device)
{
    (void)version;
    return make_node(AT_FDCWD, path, mode, *device);
}
EXPORTED int __xmknodat(int version, int directory, const char *path, mode_t mode, dev_t *device)
{
    (void)version;
    return make_node(directory, path, mode, *device);
}

EXPORTED int unlink(const char *path)
{
    struct path room;
    path = led(path, &room);
    return is_node(path) ? 0 : NEXT(unlink)(path);
}
EXPORTED int unlinkat(int directory, const char *path, int flags)
{
    struct path room;
    path = led(path, &room);
    return is_node(path) ? 0 : NEXT(unlinkat)(directory, path, flags);
}

EXPORTED int rename(const char *from, const char *to)
{
    struct path from_room, to_room;
    from = led(from, &from_room);
    to = led(to, &to_room);
    return is_in_mapper(from) && is_node(to) ? 0 : NEXT(rename)(from, to);
}

// A node's owner is the mounting user, whose session this is.
#define NODE(name, parameters, arguments)                                                          \
    EXPORTED int name parameters                                                                   \
    {                                                                                              \
        struct path room;                                                                          \
        path = led(path, &room);                                                                   \
        int saved = errno, result = NEXT(name) arguments;                                          \
        if (result == 0 || errno != EOPNOTSUPP || !is_node(path))                                  \
            return result;                                                                         \
        errno = saved;                                                                             \
        return 0;                                                                                  \
    }
NODE(chown, (const char *path, uid_t user, gid_t group), (path, user, group))
NODE(lchown, (const char *path, uid_t user, gid_t group), (path, user, group))
NODE(chmod, (const char *path, mode_t mode), (path, mode))
NODE(fchownat, (int at, const char *path, uid_t user, gid_t group, int flags),
     (at, path, user, group, flags))
NODE(fchmodat, (int at, const char *path, mode_t mode, int flags), (at, path, mode, flags))

// MARK: Links that look like nodes

static bool looks_like_node(const char *path)
{
    if (!is_node(path))
        return false;
    errno = EINVAL; // not a link
    return true;
}

// Told apart from a link by -1 and EINVAL; 0: not ours to answer.
static ssize_t read_our_link(const char *path, char *target, size_t size)
{
    return looks_like_node(path) ? -1 : mount_directory() ? sysfs_readlink(path, target, size) : 0;
}

EXPORTED ssize_t readlink(const char *restrict path, char *restrict target, size_t size)
{
    struct path room;
    path = led(path, &room);
    ssize_t length = read_our_link(path, target, size);
    return length ? length : NEXT(readlink)(path, target, size);
}
EXPORTED ssize_t readlinkat(
    int directory, const char *restrict path, char *restrict target, size_t size)
{
    struct path room;
    path = led(path, &room);
    ssize_t length = read_our_link(path, target, size);
    return length ? length : NEXT(readlinkat)(directory, path, target, size);
}
