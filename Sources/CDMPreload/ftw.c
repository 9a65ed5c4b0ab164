// ftw and nftw, which the C library does by calls of its own: for trees of /dev and of the mount, they are
// done here. With FTW_CHDIR the C library does them.
#include "preload.h"

#include <dirent.h>
#include <ftw.h>

struct tree {
    int (*visit)(const char *, const struct stat *, int, struct FTW *); // nftw's, or
    int (*visit_old)(const char *, const struct stat *, int);           // ftw's
    int flags;
    dev_t device; // of the first file
    char *path;   // heap memory
    size_t length, room;
};
// The directories above.
struct above {
    const struct above *next;
    dev_t device;
    ino_t inode;
};

static int tell(struct tree *tree, const struct stat *status, int type, int base, int level)
{
    struct FTW place = {base, level};
    if (tree->visit)
        return tree->visit(tree->path, status, type, &place);
    switch (type) { // those that ftw doesn't know
    case FTW_SL: type = FTW_F; break;
    case FTW_SLN: type = FTW_NS; break;
    default: break;
    }
    return tree->visit_old(tree->path, status, type);
}

static bool append(struct tree *tree, const char *name, size_t size)
{
    if (tree->length + size + 2 > tree->room) {
        size_t room = 2 * (tree->length + size + 2);
        char *grown = realloc(tree->path, room);
        if (!grown)
            return false;
        tree->path = grown;
        tree->room = room;
    }
    if (tree->length > 0 && tree->path[tree->length - 1] != '/')
        tree->path[tree->length++] = '/';
    memcpy(tree->path + tree->length, name, size);
    tree->length += size;
    tree->path[tree->length] = 0;
    return true;
}

// The type of a file, -1: an error.
static int look(struct tree *tree, struct stat *status)
{
    bool is_physical = tree->flags & FTW_PHYS;
    if ((is_physical ? lstat : stat)(tree->path, status) == 0)
        return S_ISDIR(status->st_mode) ? FTW_D : S_ISLNK(status->st_mode) ? FTW_SL : FTW_F;
    if (errno != EACCES && errno != ENOENT)
        return -1;
    return !is_physical && lstat(tree->path, status) == 0 && S_ISLNK(status->st_mode) ? FTW_SLN
                                                                                      : FTW_NS;
}

static int walk_tree(struct tree *tree, int base, int level, const struct above *above);

static bool is_skip(const struct tree *tree, int result, int wanted)
{
    return tree->flags & FTW_ACTIONRETVAL && result == wanted;
}

// What is in a directory. Closes it.
static int walk_entries(struct tree *tree, DIR *stream, int level, const struct above *above)
{
    struct dirent *entry;
    size_t length = tree->length;
    int result = 0;
    while (result == 0 && (entry = readdir(stream))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (!append(tree, entry->d_name, strlen(entry->d_name))) {
            result = -1;
            break;
        }
        int base = (int)(tree->length - strlen(entry->d_name));
        result = walk_tree(tree, base, level + 1, above);
        tree->path[tree->length = length] = 0;
        if (is_skip(tree, result, FTW_SKIP_SUBTREE))
            result = 0;
    }
    closedir(stream);
    return is_skip(tree, result, FTW_SKIP_SIBLINGS) ? 0 : result;
}

static int walk_directory(
    struct tree *tree, const struct stat *status, int base, int level, const struct above *above)
{
    struct above here = {above, status->st_dev, status->st_ino};
    for (; !(tree->flags & FTW_PHYS) && above; above = above->next) {
        if (above->device == here.device && above->inode == here.inode)
            return 0;
    }
    DIR *stream = opendir(tree->path);
    if (!stream)
        return errno == EACCES ? tell(tree, status, FTW_DNR, base, level) : -1;
    int result = tree->flags & FTW_DEPTH ? 0 : tell(tree, status, FTW_D, base, level);
    if (result != 0) {
        closedir(stream);
        return result;
    }
    result = walk_entries(tree, stream, level, &here);
    if (result == 0 && tree->flags & FTW_DEPTH)
        result = tell(tree, status, FTW_DP, base, level);
    return result;
}

static int walk_tree(struct tree *tree, int base, int level, const struct above *above)
{
    struct stat status = {0};
    int type = look(tree, &status);
    if (type < 0)
        return -1;
    if (level == 0)
        tree->device = status.st_dev;
    if (tree->flags & FTW_MOUNT && type != FTW_NS && status.st_dev != tree->device)
        return 0;
    return type == FTW_D ? walk_directory(tree, &status, base, level, above)
                         : tell(tree, &status, type, base, level);
}

static int walk_from(struct tree *tree, const char *path)
{
    size_t length = strlen(path);
    if (!append(tree, path, length))
        return -1;
    while (tree->length > 1 && tree->path[tree->length - 1] == '/')
        tree->path[--tree->length] = 0;
    const char *name = memrchr(tree->path, '/', tree->length);
    int base = name && tree->length > 1 ? (int)(name + 1 - tree->path) : 0;
    int result = walk_tree(tree, base, 0, NULL);
    int error = errno;
    free(tree->path);
    errno = error;
    // The first has no siblings.
    return is_skip(tree, result, FTW_SKIP_SUBTREE) || is_skip(tree, result, FTW_SKIP_SIBLINGS)
               ? 0 : result;
}

// Whether a tree begins where more is shown than the kernel has.
APART static bool is_here(const char *path)
{
    struct stat status, dev;
    int saved = errno;
    bool is = mount_directory() && stat(path, &status) == 0 && major(status.st_dev) == 0 &&
              ((raw_stat(AT_FDCWD, "/dev", &dev, 0) == 0 && status.st_dev == dev.st_dev) ||
               directory_of(status.st_dev, status.st_ino) != no_directory);
    errno = saved;
    return is;
}

#define FTW_OLD(name, status)                                                                      \
    EXPORTED int name(                                                                             \
        const char *path, int (*visit)(const char *, const struct status *, int), int most)        \
    {                                                                                              \
        struct tree tree = {.visit_old = (int (*)(const char *, const struct stat *, int))visit};  \
        return is_here(path) ? walk_from(&tree, path) : NEXT(name)(path, visit, most);             \
    }
FTW_OLD(ftw, stat)
FTW_OLD(ftw64, stat64)

#define FTW_NEW(name, status)                                                                      \
    EXPORTED int name(                                                                             \
        const char *path, int (*visit)(const char *, const struct status *, int, struct FTW *),    \
        int most, int flags)                                                                       \
    {                                                                                              \
        struct tree tree = {                                                                       \
            .visit = (int (*)(const char *, const struct stat *, int, struct FTW *))visit,         \
            .flags = flags};                                                                       \
        return !(flags & FTW_CHDIR) && is_here(path) ? walk_from(&tree, path)                      \
                                                     : NEXT(name)(path, visit, most, flags);       \
    }
FTW_NEW(nftw, stat)
FTW_NEW(nftw64, stat64)
