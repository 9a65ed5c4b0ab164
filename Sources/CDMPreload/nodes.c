// Nodes of the mapper directory. They are there by themselves, and change by commands: what
// libdevmapper does to bring them about has happened already.
#include "preload.h"

// How calls that remove, rename or alter use a path.
enum { at_target = changes | alters, at_itself = at_target | itself };

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
    LEAD_AT(meant, directory, path, itself | changes, -1);
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

#define UNLINK(name, parameters, at, is_of_directories, ...)                                       \
    EXPORTED int name parameters                                                                   \
    {                                                                                              \
        LEAD_AT(meant, at, path, at_itself, -1);                                                   \
        return CALL_LED(                                                                           \
            meant, at, at_itself, -1,                                                              \
            !is_node(&meant)    ? NEXT(name)(__VA_ARGS__)                                          \
            : is_of_directories ? fail(ENOTDIR)                                                    \
                                : 0);                                                              \
    }
UNLINK(unlink, (const char *path), AT_FDCWD, false, meant.bytes)
UNLINK(unlinkat, (int at, const char *path, int flags), at, flags & AT_REMOVEDIR,
       at, meant.bytes, flags)
UNLINK(remove, (const char *path), AT_FDCWD, false, meant.bytes)

#define RENAME(name, parameters, from_at, to_at, may_replace, ...)                                 \
    EXPORTED int name parameters                                                                   \
    {                                                                                              \
        LEAD_AT(meant_from, from_at, from, at_itself, -1);                                         \
        LEAD_AT(meant_to, to_at, to, at_itself, -1);                                               \
        from = meant_from.bytes;                                                                   \
        to = meant_to.bytes;                                                                       \
        if (is_in_mapper(&meant_from) && is_node(&meant_to))                                       \
            return may_replace ? 0 : fail(EEXIST);                                                 \
        int saved = errno, result = NEXT(name)(__VA_ARGS__);                                       \
        if (result == 0 || !lead_to_made(&meant_from) || !lead_to_made(&meant_to))                 \
            return result;                                                                         \
        errno = saved;                                                                             \
        from = meant_from.bytes;                                                                   \
        to = meant_to.bytes;                                                                       \
        return NEXT(name)(__VA_ARGS__);                                                            \
    }
RENAME(rename, (const char *from, const char *to), AT_FDCWD, AT_FDCWD, true,
       from, to)
RENAME(renameat, (int from_at, const char *from, int to_at, const char *to), from_at, to_at, true,
       from_at, from, to_at, to)
RENAME(renameat2, (int from_at, const char *from, int to_at, const char *to, unsigned flags),
       from_at, to_at, !(flags & RENAME_NOREPLACE), from_at, from, to_at, to, flags)

// A node's owner is the mounting user, whose session this is.
#define NODE(name, parameters, at, how, ...)                                                       \
    EXPORTED int name parameters                                                                   \
    {                                                                                              \
        LEAD_AT(meant, at, path, how, -1);                                                         \
        int saved = errno;                                                                         \
        int result = CALL_LED(meant, at, how, -1, NEXT(name)(__VA_ARGS__));                        \
        if (result == 0 || errno != EOPNOTSUPP || !is_node(&meant))                                \
            return result;                                                                         \
        errno = saved;                                                                             \
        return 0;                                                                                  \
    }
NODE(chown, (const char *path, uid_t user, gid_t group), AT_FDCWD, at_target,
     meant.bytes, user, group)
NODE(lchown, (const char *path, uid_t user, gid_t group), AT_FDCWD, at_itself,
     meant.bytes, user, group)
NODE(chmod, (const char *path, mode_t mode), AT_FDCWD, at_target, meant.bytes, mode)
NODE(lchmod, (const char *path, mode_t mode), AT_FDCWD, at_itself, meant.bytes, mode)
NODE(fchownat, (int at, const char *path, uid_t user, gid_t group, int flags), at,
     flags & AT_SYMLINK_NOFOLLOW ? at_itself : at_target, at, meant.bytes, user, group, flags)
NODE(fchmodat, (int at, const char *path, mode_t mode, int flags), at,
     flags & AT_SYMLINK_NOFOLLOW ? at_itself : at_target, at, meant.bytes, mode, flags)
