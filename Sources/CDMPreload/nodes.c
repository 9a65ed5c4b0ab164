// Nodes of the mapper directory. They are there by themselves, and change by commands: what
// libdevmapper does to bring them about has happened already.
#include "preload.h"

// A node of the mapper directory that is there.
static bool is_node(const struct path *path)
{
    struct stat status;
    unsigned minor;
    int saved = errno;
    bool is = is_in_mapper(path) &&
              raw_stat(AT_FDCWD, path->bytes, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
              node_of(status.st_dev, status.st_ino, &minor) != no_node;
    errno = saved;
    return is;
}

APART static bool device_exists(dev_t device)
{
    __attribute__((cleanup(release))) struct path path;
    char name[16];
    struct stat status;
    struct writer writer = {name, name + sizeof name - 1, false};
    put_word(&writer, "/dm-");
    put_number(&writer, minor(device));
    *writer.at = 0;
    int saved = errno;
    bool is = below_mount(name, &path) && major(device) == mapped_major() &&
              raw_stat(AT_FDCWD, path.bytes, &status, 0) == 0;
    errno = saved;
    return is;
}

// Also under another name than ours: programs differ in how they write odd characters.
static int make_node(int directory, const char *path, mode_t mode, dev_t device)
{
    LEAD(meant, path, -1);
    if (S_ISBLK(mode) && is_in_mapper(&meant) && device_exists(device))
        return 0;
    return (int)syscall(SYS_mknodat, directory, meant.bytes, mode, (unsigned)device);
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
    LEAD(meant, path, -1);
    return is_node(&meant) ? 0 : NEXT(unlink)(meant.bytes);
}
EXPORTED int unlinkat(int directory, const char *path, int flags)
{
    LEAD(meant, path, -1);
    return is_node(&meant) ? 0 : NEXT(unlinkat)(directory, meant.bytes, flags);
}

EXPORTED int remove(const char *path)
{
    LEAD(meant, path, -1);
    return is_node(&meant) ? 0 : NEXT(remove)(meant.bytes);
}

#define RENAME(name, parameters, arguments)                                                        \
    EXPORTED int name parameters                                                                   \
    {                                                                                              \
        LEAD(meant_from, from, -1);                                                                \
        LEAD(meant_to, to, -1);                                                                    \
        from = meant_from.bytes;                                                                   \
        to = meant_to.bytes;                                                                       \
        return is_in_mapper(&meant_from) && is_node(&meant_to) ? 0 : NEXT(name) arguments;         \
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
        LEAD(meant, path, -1);                                                                     \
        path = meant.bytes;                                                                        \
        int saved = errno, result = NEXT(name) arguments;                                          \
        if (result == 0 || errno != EOPNOTSUPP || !is_node(&meant))                                \
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
    LEAD(meant, path, -1);
    ssize_t length = sysfs_readlink(&meant, target, size);
    return length ? length
                  : unless_node(AT_FDCWD, meant.bytes, target,
                                NEXT(readlink)(meant.bytes, target, size));
}
EXPORTED ssize_t readlinkat(
    int directory, const char *restrict path, char *restrict target, size_t size)
{
    LEAD(meant, path, -1);
    ssize_t length = sysfs_readlink(&meant, target, size);
    return length ? length
                  : unless_node(directory, meant.bytes, target,
                                NEXT(readlinkat)(directory, meant.bytes, target, size));
}

// What a program calls that was compiled with _FORTIFY_SOURCE.
ssize_t __readlink_chk(const char *path, char *target, size_t size, size_t room);
EXPORTED ssize_t __readlink_chk(const char *path, char *target, size_t size, size_t room)
{
    if (size > room) // it ends the program with a message
        return NEXT(__readlink_chk)(path, target, size, room);
    return readlink(path, target, size);
}
ssize_t __readlinkat_chk(int directory, const char *path, char *target, size_t size, size_t room);
EXPORTED ssize_t __readlinkat_chk(
    int directory, const char *path, char *target, size_t size, size_t room)
{
    if (size > room)
        return NEXT(__readlinkat_chk)(directory, path, target, size, room);
    return readlinkat(directory, path, target, size);
}
