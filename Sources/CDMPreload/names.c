// Calls that only need to be led to the mount.
#include "preload.h"

#include <sys/inotify.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/xattr.h>

#define LED(result, name, parameters, arguments)                                                   \
    EXPORTED result name parameters                                                                \
    {                                                                                              \
        LEAD(meant, path, -1);                                                                     \
        path = meant.bytes;                                                                        \
        return NEXT(name) arguments;                                                               \
    }

LED(int, access, (const char *path, int mode), (path, mode))
LED(int, eaccess, (const char *path, int mode), (path, mode))
LED(int, euidaccess, (const char *path, int mode), (path, mode))
LED(int, faccessat, (int at, const char *path, int mode, int flags), (at, path, mode, flags))
LED(int, chdir, (const char *path), (path))
LED(int, truncate, (const char *path, off_t size), (path, size))
LED(int, truncate64, (const char *path, off64_t size), (path, size))
LED(int, statfs, (const char *path, struct statfs *status), (path, status))
LED(int, statfs64, (const char *path, struct statfs64 *status), (path, status))
LED(int, statvfs, (const char *restrict path, struct statvfs *restrict status), (path, status))
LED(int, statvfs64, (const char *restrict path, struct statvfs64 *restrict status), (path, status))
LED(int, utimes, (const char *path, const struct timeval times[2]), (path, times))
LED(int, utimensat, (int at, const char *path, const struct timespec times[2], int flags),
    (at, path, times, flags))
LED(ssize_t, getxattr, (const char *path, const char *name, void *value, size_t size),
    (path, name, value, size))
LED(ssize_t, lgetxattr, (const char *path, const char *name, void *value, size_t size),
    (path, name, value, size))
LED(ssize_t, listxattr, (const char *path, char *list, size_t size), (path, list, size))
LED(ssize_t, llistxattr, (const char *path, char *list, size_t size), (path, list, size))
LED(int, mkdir, (const char *path, mode_t mode), (path, mode))
LED(int, mkdirat, (int at, const char *path, mode_t mode), (at, path, mode))
LED(int, rmdir, (const char *path), (path))
LED(int, symlink, (const char *target, const char *path), (target, path))
LED(int, symlinkat, (const char *target, int at, const char *path), (target, at, path))
LED(int, mkfifo, (const char *path, mode_t mode), (path, mode))
LED(int, inotify_add_watch, (int fd, const char *path, uint32_t mask), (fd, path, mask))

#define LINK(name, parameters, arguments)                                                          \
    EXPORTED int name parameters                                                                   \
    {                                                                                              \
        LEAD(meant_from, from, -1);                                                                \
        LEAD(meant_to, to, -1);                                                                    \
        from = meant_from.bytes;                                                                   \
        to = meant_to.bytes;                                                                       \
        return NEXT(name) arguments;                                                               \
    }
LINK(link, (const char *from, const char *to), (from, to))
LINK(linkat, (int from_at, const char *from, int to_at, const char *to, int flags),
     (from_at, from, to_at, to, flags))

// The shortest form of an absolute path, by its text, into room for one byte more than its length.
static void shorten(struct text path, char *resolved)
{
    size_t length = 0;
    while (take_any(&path, "/"), path.left > 0) {
        struct text part = {path.at, 0};
        while (path.left > 0 && *path.at != '/') {
            part.left++;
            path.at++;
            path.left--;
        }
        if (part.left == 2 && memcmp(part.at, "..", 2) == 0) {
            while (length > 0 && resolved[--length] != '/') {}
        } else if (part.left != 1 || *part.at != '.') {
            resolved[length++] = '/';
            memcpy(resolved + length, part.at, part.left);
            length += part.left;
        }
    }
    if (length == 0)
        resolved[length++] = '/';
    resolved[length] = 0;
}

// A name below /dev stays what it is, in its shortest form, as it would where it is a node.
EXPORTED char *realpath(const char *restrict path, char *restrict resolved)
{
    LEAD(meant, path, NULL);
    int saved = errno;
    bool is_node = meant.bytes != path && meant.length > 0 && raw_exists(meant.bytes);
    errno = saved;
    if (!is_node)
        return NEXT(realpath)(meant.bytes, resolved);
    struct text text = {path, program_text(path)};
    if (!resolved && !(resolved = malloc(text.left + 2))) // as the C library does
        return NULL;
    shorten(text, resolved);
    return resolved;
}
EXPORTED char *canonicalize_file_name(const char *path) { return realpath(path, NULL); }
char *__realpath_chk(const char *path, char *resolved, size_t size);
EXPORTED char *__realpath_chk(const char *path, char *resolved, size_t size)
{
    if (size < PATH_MAX) // it ends the program with a message
        return NEXT(__realpath_chk)(path, resolved, size);
    return realpath(path, resolved);
}
