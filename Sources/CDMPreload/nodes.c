// Nodes of the mapper directory. They are there by themselves, and change by commands: what
// libdevmapper does to bring them about has happened already.
#include "preload.h"

#include <stdio.h>
#include <string.h>

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

EXPORTED int remove(const char *path)
{
    struct path room;
    path = led(path, &room);
    return is_node(path) ? 0 : NEXT(remove)(path);
}

#define RENAME(name, parameters, arguments)                                                        \
    EXPORTED int name parameters                                                                   \
    {                                                                                              \
        struct path from_room, to_room;                                                            \
        from = led(from, &from_room);                                                              \
        to = led(to, &to_room);                                                                    \
        return is_in_mapper(from) && is_node(to) ? 0 : NEXT(name) arguments;                       \
    }
RENAME(rename, (const char *from, const char *to), (from, to))
RENAME(renameat, (int from_at, const char *from, int to_at, const char *to),
       (from_at, from, to_at, to))
RENAME(renameat2, (int from_at, const char *from, int to_at, const char *to, unsigned flags),
       (from_at, from, to_at, to, flags))

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

// The length of a link that was read, or -1 and EINVAL for one that looks like a node.
static ssize_t unless_node(int directory, const char *path, const char *target, ssize_t length)
{
    static const char front[] = "../dm-";
    struct stat status;
    unsigned minor;
    if (length < (ssize_t)sizeof front || !mount_directory() ||
        strncmp(target, front, sizeof front - 1) != 0)
        return length;
    int saved = errno;
    bool is = raw_stat(directory, path, &status, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) == 0 &&
              node_of(status.st_dev, status.st_ino, &minor) == link_node;
    errno = is ? EINVAL : saved;
    return is ? -1 : length;
}

EXPORTED ssize_t readlink(const char *restrict path, char *restrict target, size_t size)
{
    struct path room;
    path = led(path, &room);
    ssize_t length = sysfs_readlink(path, target, size);
    return length ? length
                  : unless_node(AT_FDCWD, path, target, NEXT(readlink)(path, target, size));
}
EXPORTED ssize_t readlinkat(
    int directory, const char *restrict path, char *restrict target, size_t size)
{
    struct path room;
    path = led(path, &room);
    ssize_t length = sysfs_readlink(path, target, size);
    return length ? length
                  : unless_node(
                        directory, path, target, NEXT(readlinkat)(directory, path, target, size));
}

// What a program calls that was compiled with _FORTIFY_SOURCE.
ssize_t __readlink_chk(const char *path, char *target, size_t size, size_t room);
EXPORTED ssize_t __readlink_chk(const char *path, char *target, size_t size, size_t room)
{
    if (size > room)
        __builtin_trap(); // as the C library does
    return readlink(path, target, size);
}
ssize_t __readlinkat_chk(int directory, const char *path, char *target, size_t size, size_t room);
EXPORTED ssize_t __readlinkat_chk(
    int directory, const char *path, char *target, size_t size, size_t room)
{
    if (size > room)
        __builtin_trap();
    return readlinkat(directory, path, target, size);
}
