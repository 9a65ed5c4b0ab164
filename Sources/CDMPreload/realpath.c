// Paths that are given back: what realpath and getcwd say is what programs know it by, not the file in
// the mount.
#include "preload.h"

// MARK: realpath

// The mount itself keeps the name that the C library gives it.
static bool is_mount(const struct path *path)
{
    struct text text = {path->bytes, path->length};
    return take_mount(&text) && text.left == 0;
}

// The name of something of the mount's, with its links resolved; NULL and errno. A node stays what it
// is, as where it is none but a node.
APART static char *name_resolved(const char *path, char *resolved)
{
    __attribute__((cleanup(release))) struct path named;
    named.bytes = path;
    named.length = program_text(path);
    named.mapped = NULL;
    if (walk_to(AT_FDCWD, 0, &named, true) != walked_ours)
        return NULL;
    while (named.length > 1 && named.bytes[named.length - 1] == '/') // a directory's
        named.length--;
    if (!resolved && !(resolved = malloc(named.length + 1))) // as the C library does
        return NULL;
    memcpy(resolved, named.bytes, named.length);
    resolved[named.length] = 0;
    return resolved;
}

// Where a path of sysfs leads, as the kernel would name it.
APART static char *sysfs_resolved(const struct path *path, char *resolved)
{
    char *room = resolved ? resolved : malloc(PATH_MAX); // as the C library does
    if (room && NEXT(realpath)(path->bytes, room)) {
        if (sysfs_name(room))
            return room;
        errno = ENAMETOOLONG;
    }
    if (!resolved)
        free(room);
    return NULL;
}

EXPORTED char *realpath(const char *restrict path, char *restrict resolved)
{
    LEAD(meant, path, NULL);
    int saved = errno;
    if (!meant.is_ours) {
        char *result = NEXT(realpath)(path, resolved);
        if (result || !lead_after(AT_FDCWD, 0, &meant))
            return result;
    }
    if (meant.is_sysfs)
        return sysfs_resolved(&meant, resolved);
    if (is_mount(&meant) || !raw_exists(meant.bytes))
        return NEXT(realpath)(meant.bytes, resolved); // with the right errno
    errno = saved;
    return name_resolved(path, resolved);
}
EXPORTED char *canonicalize_file_name(const char *path) { return realpath(path, NULL); }
char *__realpath_chk(const char *path, char *resolved, size_t size);
EXPORTED char *__realpath_chk(const char *path, char *resolved, size_t size)
{
    if (size < PATH_MAX) // it ends the program with a message
        return NEXT(__realpath_chk)(path, resolved, size);
    return realpath(path, resolved);
}

// MARK: getcwd

// The mapper directory of the mount is /dev/mapper. A mount's path that is even shorter stays.
static char *as_named(char *path)
{
    static const char named[] = "/dev/mapper", name[] = "/mapper";
    struct stat status;
    size_t length = path && mount_directory() ? strlen(path) : 0;
    int saved = errno;
    if (length >= sizeof named - 1 && length >= sizeof name - 1 &&
        memcmp(path + length - (sizeof name - 1), name, sizeof name - 1) == 0 &&
        raw_stat(AT_FDCWD, "", &status, AT_EMPTY_PATH) == 0 &&
        directory_of(status.st_dev, status.st_ino) == mapper_directory)
        memcpy(path, named, sizeof named);
    errno = saved;
    return path;
}

EXPORTED char *getcwd(char *path, size_t size) { return as_named(NEXT(getcwd)(path, size)); }
EXPORTED char *get_current_dir_name(void) { return as_named(NEXT(get_current_dir_name)()); }
char *__getcwd_chk(char *path, size_t size, size_t room);
EXPORTED char *__getcwd_chk(char *path, size_t size, size_t room)
{
    return as_named(NEXT(__getcwd_chk)(path, size, room));
}
