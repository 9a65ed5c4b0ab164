// Calls that only need to be led to the mount.
#include "preload.h"

#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <utime.h>

#define LED(result, name, parameters, at, how, ...)                                                \
    EXPORTED result name parameters                                                                \
    {                                                                                              \
        LEAD_AT(meant, at, path, how, -1);                                                         \
        return CALL_LED(meant, at, how, -1, NEXT(name)(__VA_ARGS__));                              \
    }
#define NOFOLLOW (flags & AT_SYMLINK_NOFOLLOW ? itself : 0)
#define HERE AT_FDCWD
enum { altering = changes | alters };

// MARK: Looking

LED(int, access, (const char *path, int mode), HERE, 0, meant.bytes, mode)
LED(int, eaccess, (const char *path, int mode), HERE, 0, meant.bytes, mode)
LED(int, euidaccess, (const char *path, int mode), HERE, 0, meant.bytes, mode)
LED(int, faccessat, (int at, const char *path, int mode, int flags), at, NOFOLLOW,
    at, meant.bytes, mode, flags)
LED(int, chdir, (const char *path), HERE, 0, meant.bytes)
LED(int, statfs, (const char *path, struct statfs *status), HERE, 0, meant.bytes, status)
LED(int, statfs64, (const char *path, struct statfs64 *status), HERE, 0, meant.bytes, status)
LED(int, statvfs, (const char *restrict path, struct statvfs *restrict status), HERE, 0,
    meant.bytes, status)
LED(int, statvfs64, (const char *restrict path, struct statvfs64 *restrict status), HERE, 0,
    meant.bytes, status)
LED(long, pathconf, (const char *path, int name), HERE, 0, meant.bytes, name)
LED(key_t, ftok, (const char *path, int project), HERE, 0, meant.bytes, project)
LED(int, name_to_handle_at,
    (int at, const char *path, struct file_handle *handle, int *mount, int flags), at,
    flags & AT_SYMLINK_FOLLOW ? 0 : itself, at, meant.bytes, handle, mount, flags)
LED(int, inotify_add_watch, (int fd, const char *path, uint32_t mask), HERE,
    mask & IN_DONT_FOLLOW ? itself : 0, fd, meant.bytes, mask)
LED(int, fanotify_mark, (int fd, unsigned flags, uint64_t mask, int at, const char *path), at,
    flags & FAN_MARK_DONT_FOLLOW ? itself : 0, fd, flags, mask, at, meant.bytes)

// MARK: Extended attributes

LED(ssize_t, getxattr, (const char *path, const char *name, void *value, size_t size), HERE, 0,
    meant.bytes, name, value, size)
LED(ssize_t, lgetxattr, (const char *path, const char *name, void *value, size_t size), HERE,
    itself, meant.bytes, name, value, size)
LED(ssize_t, listxattr, (const char *path, char *list, size_t size), HERE, 0,
    meant.bytes, list, size)
LED(ssize_t, llistxattr, (const char *path, char *list, size_t size), HERE, itself,
    meant.bytes, list, size)
LED(int, setxattr, (const char *path, const char *name, const void *value, size_t size, int flags),
    HERE, altering, meant.bytes, name, value, size, flags)
LED(int, lsetxattr, (const char *path, const char *name, const void *value, size_t size, int flags),
    HERE, itself | altering, meant.bytes, name, value, size, flags)
LED(int, removexattr, (const char *path, const char *name), HERE, altering, meant.bytes, name)
LED(int, lremovexattr, (const char *path, const char *name), HERE, itself | altering, meant.bytes, name)

// MARK: Changing what is there

LED(int, truncate, (const char *path, off_t size), HERE, altering, meant.bytes, size)
LED(int, truncate64, (const char *path, off64_t size), HERE, altering, meant.bytes, size)
LED(int, utime, (const char *path, const struct utimbuf *times), HERE, altering, meant.bytes, times)
LED(int, utimes, (const char *path, const struct timeval times[2]), HERE, altering, meant.bytes, times)
LED(int, lutimes, (const char *path, const struct timeval times[2]), HERE, itself | altering,
    meant.bytes, times)
LED(int, futimesat, (int at, const char *path, const struct timeval times[2]), at, altering,
    at, meant.bytes, times)
LED(int, utimensat, (int at, const char *path, const struct timespec times[2], int flags), at,
    NOFOLLOW | altering, at, meant.bytes, times, flags)

// MARK: Making and removing names

LED(int, rmdir, (const char *path), HERE, itself | altering, meant.bytes)
LED(int, mkfifo, (const char *path, mode_t mode), HERE, itself | changes, meant.bytes, mode)
LED(int, mkfifoat, (int at, const char *path, mode_t mode), at, itself | changes,
    at, meant.bytes, mode)

#define LINK(name, parameters, from_at, to_at, how, ...)                                           \
    EXPORTED int name parameters                                                                   \
    {                                                                                              \
        LEAD_AT(meant_from, from_at, from, how, -1);                                               \
        LEAD_AT(meant_to, to_at, to, itself | changes, -1);                                        \
        return CALL_LED(meant_from, from_at, how, -1, NEXT(name)(__VA_ARGS__));                    \
    }
LINK(link, (const char *from, const char *to), HERE, HERE, itself | changes,
     meant_from.bytes, meant_to.bytes)
LINK(linkat, (int from_at, const char *from, int to_at, const char *to, int flags), from_at, to_at,
     (flags & AT_SYMLINK_FOLLOW ? 0 : itself) | changes,
     from_at, meant_from.bytes, to_at, meant_to.bytes, flags)
