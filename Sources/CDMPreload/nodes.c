// Nodes of the mapper directory. They are there by themselves, and change by commands: what
// libdevmapper does to bring them about has happened already.
#include "preload.h"

// How calls that remove, rename or alter use a path.
enum { at_target = changes | alters, at_itself = at_target | itself };

// A node of the mapper directory that is there: its number, which is no other file's. 0: it is none.
static ino_t node_at(const struct path *path)
{
    struct stat status;
    unsigned minor;
    int saved = errno;
    bool is = is_in_mapper(path) &&
              raw_stat(AT_FDCWD, path->bytes, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
              node_of(status.st_dev, status.st_ino, &minor) != no_node;
    errno = saved;
    return is ? status.st_ino : 0;
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

// The node that this thread has just removed. libdevmapper renames a device, and then removes the node of the new
// name and renames the old one's, of which nothing is left, to it: that must succeed.
static __thread ino_t removed __attribute__((tls_model("initial-exec")));

// The name of the node that this thread has just made, in the library's words only. 0: none. `dmsetup mknodes`
// makes one more for a device with an odd name, by the name that people see, and gives it an owner.
static __thread uint64_t made __attribute__((tls_model("initial-exec")));

ino_t forget_nodes(void)
{
    ino_t node = removed;
    removed = 0;
    made = 0;
    return node;
}

static uint64_t hash_of(const struct path *path)
{
    uint64_t hash = 14695981039346656037U;
    for (size_t i = 0; i < path->length; i++)
        hash = (hash ^ (unsigned char)path->bytes[i]) * 1099511628211U;
    return hash;
}

static bool is_made(const struct path *path)
{
    return made != 0 && is_in_mapper(path) && hash_of(path) == made && node_at(path) == 0;
}

static int note_made(const struct path *path)
{
    made = hash_of(path);
    return 0;
}

// Also under another name than ours: programs differ in how they write odd characters.
static int make_node(int directory, const char *path, mode_t mode, dev_t device)
{
    enum { how = itself | changes };
    forget_nodes();
    LEAD_AT(meant, directory, path, how, -1);
    return CALL_LED(
        meant, directory, how, -1,
        S_ISBLK(mode) && is_in_mapper(&meant) && device_exists(device)
            ? note_made(&meant) : (int)syscall(SYS_mknodat, directory, meant.bytes, mode, (unsigned)device));
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

static int remove_node(ino_t node)
{
    removed = node;
    return 0;
}

#define UNLINK(name, parameters, at, is_of_directories, ...)                                       \
    EXPORTED int name parameters                                                                   \
    {                                                                                              \
        ino_t node;                                                                                \
        forget_nodes();                                                                            \
        LEAD_AT(meant, at, path, at_itself, -1);                                                   \
        return CALL_LED(                                                                           \
            meant, at, at_itself, -1,                                                              \
            (node = node_at(&meant)) == 0 ? NEXT(name)(__VA_ARGS__)                                \
            : is_of_directories           ? fail(ENOTDIR)                                          \
                                          : remove_node(node));                                    \
    }
UNLINK(unlink, (const char *path), AT_FDCWD, false, meant.bytes)
UNLINK(unlinkat, (int at, const char *path, int flags), at, flags & AT_REMOVEDIR,
       at, meant.bytes, flags)
UNLINK(remove, (const char *path), AT_FDCWD, false, meant.bytes)

// What becomes of a rename onto a node: 0, or -1 and errno; 1: it isn't one, or not a node's. `unlinked`: the
// node that the thread has just removed.
static int rename_node(const struct path *from, const struct path *to, ino_t unlinked, bool may_replace)
{
    ino_t node;
    if (!is_in_mapper(from) || (node = node_at(to)) == 0 || (node_at(from) == 0 && node != unlinked))
        return 1;
    return may_replace ? 0 : fail(EEXIST);
}

// Whether a rename is to be done once more, with other paths.
APART static bool lead_both(int from_at, struct path *from, int to_at, struct path *to)
{
    // Each in any case.
    bool leads_from = lead_from_mapper(from_at, at_itself, from);
    bool leads_to = lead_from_mapper(to_at, at_itself, to);
    return leads_from || leads_to || (lead_to_made(from) && lead_to_made(to));
}

#define RENAME(name, parameters, from_at, to_at, may_replace, ...)                                 \
    EXPORTED int name parameters                                                                   \
    {                                                                                              \
        ino_t unlinked = forget_nodes();                                                           \
        LEAD_AT(meant_from, from_at, from, at_itself, -1);                                         \
        LEAD_AT(meant_to, to_at, to, at_itself, -1);                                               \
        for (bool is_again = false;; is_again = true) {                                            \
            int saved = errno;                                                                     \
            int result = rename_node(&meant_from, &meant_to, unlinked, may_replace);               \
            from = meant_from.bytes;                                                               \
            to = meant_to.bytes;                                                                   \
            if (result > 0)                                                                        \
                result = NEXT(name)(__VA_ARGS__);                                                  \
            if (result == 0 || is_again || !lead_both(from_at, &meant_from, to_at, &meant_to))     \
                return result;                                                                     \
            errno = saved;                                                                         \
        }                                                                                          \
    }
RENAME(rename, (const char *from, const char *to), AT_FDCWD, AT_FDCWD, true,
       from, to)
RENAME(renameat, (int from_at, const char *from, int to_at, const char *to), from_at, to_at, true,
       from_at, from, to_at, to)
RENAME(renameat2, (int from_at, const char *from, int to_at, const char *to, unsigned flags),
       from_at, to_at, !(flags & RENAME_NOREPLACE), from_at, from, to_at, to, flags)

// What concerns a node concerns the device, and not the link that the node is.
#define NODE(name, parameters, at, how, at_node, ...)                                              \
    EXPORTED int name parameters                                                                   \
    {                                                                                              \
        LEAD_AT(meant, at, path, how, -1);                                                         \
        return CALL_LED(                                                                           \
            meant, at, how, -1,                                                                    \
            (how) & itself && node_at(&meant) ? at_node : NEXT(name)(__VA_ARGS__));                \
    }
#define AT_NODE(flags) ((flags) & ~AT_SYMLINK_NOFOLLOW)
EXPORTED int chown(const char *path, uid_t user, gid_t group)
{
    LEAD_AT(meant, AT_FDCWD, path, at_target, -1);
    return CALL_LED(
        meant, AT_FDCWD, at_target, -1,
        is_made(&meant) ? 0 : NEXT(chown)(meant.bytes, user, group));
}
NODE(lchown, (const char *path, uid_t user, gid_t group), AT_FDCWD, at_itself,
     NEXT(chown)(meant.bytes, user, group), meant.bytes, user, group)
NODE(chmod, (const char *path, mode_t mode), AT_FDCWD, at_target, 0, meant.bytes, mode)
NODE(lchmod, (const char *path, mode_t mode), AT_FDCWD, at_itself,
     NEXT(chmod)(meant.bytes, mode), meant.bytes, mode)
NODE(fchownat, (int at, const char *path, uid_t user, gid_t group, int flags), at,
     flags & AT_SYMLINK_NOFOLLOW ? at_itself : at_target,
     NEXT(fchownat)(at, meant.bytes, user, group, AT_NODE(flags)), at, meant.bytes, user, group, flags)
NODE(fchmodat, (int at, const char *path, mode_t mode, int flags), at,
     flags & AT_SYMLINK_NOFOLLOW ? at_itself : at_target,
     NEXT(fchmodat)(at, meant.bytes, mode, AT_NODE(flags)), at, meant.bytes, mode, flags)
