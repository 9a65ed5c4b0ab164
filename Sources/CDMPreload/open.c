// Opening: the control device, device files below /dev, and what of /proc is ours.
#include "preload.h"

#include <mntent.h>
#include <stdarg.h>

// A device with a mounted file system isn't open to those who want it for themselves, as mkfs does.
static bool is_claimed(int directory, const struct path *path, int flags)
{
    unsigned minor;
    return (flags & (O_EXCL | O_CREAT)) == O_EXCL && is_mapped(directory, path, &minor) &&
           is_stood_for(minor);
}

// What is opened by us alone: true, and its descriptor or -1.
static bool is_ours(int directory, const struct path *path, int flags, int *fd)
{
    if (!mount_directory() || path->length == 0 || flags & (O_PATH | O_DIRECTORY))
        return false;
    if (is_control(directory, path))
        *fd = control_open(flags);
    else if (is_claimed(directory, path, flags))
        *fd = fail(EBUSY);
    else // the tables of /proc, which only reading tells
        return (flags & (O_ACCMODE | O_CREAT | O_TRUNC)) == O_RDONLY &&
               (proc_open(path, flags, fd) || mounts_open(path, flags, fd));
    return true;
}

// The mode stands there only with these flags.
static mode_t mode_of(int flags, va_list rest)
{
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
}

unsigned how_of_open(int flags)
{
    bool is_new = flags & O_CREAT && flags & O_EXCL;
    bool may_write = flags & O_CREAT || (flags & O_ACCMODE) != O_RDONLY;
    return (flags & O_NOFOLLOW || is_new ? itself : 0) | (may_write ? changes : 0);
}

// A node of the mapper directory isn't the link that it is.
int flags_of_open(int flags, const struct path *path)
{
    return flags & O_NOFOLLOW && is_in_mapper(path) ? flags & ~O_NOFOLLOW : flags;
}

// Opens by ourselves, or else by `call`, which may use `flags`.
#define OPEN_BY(at, call)                                                                          \
    ({                                                                                             \
        int given_flags = flags, own;                                                              \
        LEAD_AT(meant, at, path, how_of_open(given_flags), -1);                                         \
        CALL_LED(                                                                                  \
            meant, at, how_of_open(given_flags), -1,                                                    \
            (flags = flags_of_open(given_flags, &meant),                                             \
             is_ours(at, &meant, flags, &own) ? own : call));                                      \
    })

#define OPEN(name)                                                                                 \
    EXPORTED int name(const char *path, int flags, ...)                                            \
    {                                                                                              \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode_t mode = mode_of(flags, rest);                                                        \
        va_end(rest);                                                                              \
        return OPEN_BY(AT_FDCWD, NEXT(name)(meant.bytes, flags, mode));                            \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                               \
    EXPORTED int name(int directory, const char *path, int flags, ...)                             \
    {                                                                                              \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode_t mode = mode_of(flags, rest);                                                        \
        va_end(rest);                                                                              \
        return OPEN_BY(directory, NEXT(name)(directory, meant.bytes, flags, mode));                \
    }
OPENAT(openat)
OPENAT(openat64)

// What a program calls that was compiled with _FORTIFY_SOURCE.
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int directory, const char *path, int flags);
int __openat64_2(int directory, const char *path, int flags);

#define OPEN_CHECKED(name)                                                                         \
    EXPORTED int name(const char *path, int flags)                                                 \
    {                                                                                              \
        return OPEN_BY(AT_FDCWD, NEXT(name)(meant.bytes, flags));                                  \
    }
OPEN_CHECKED(__open_2)
OPEN_CHECKED(__open64_2)

#define OPENAT_CHECKED(name)                                                                       \
    EXPORTED int name(int directory, const char *path, int flags)                                  \
    {                                                                                              \
        return OPEN_BY(directory, NEXT(name)(directory, meant.bytes, flags));                      \
    }
OPENAT_CHECKED(__openat_2)
OPENAT_CHECKED(__openat64_2)

#define CREAT(name)                                                                                \
    EXPORTED int name(const char *path, mode_t mode)                                               \
    {                                                                                              \
        LEAD_AT(meant, AT_FDCWD, path, changes, -1);                                               \
        return NEXT(name)(meant.bytes, mode);                                                      \
    }
CREAT(creat)
CREAT(creat64)

// MARK: stdio

// The same for a stream that is to be read.
static bool is_ours_to_read(const struct path *path, const char *mode, FILE **file)
{
    int fd, flags = (strchr(mode, 'e') ? O_CLOEXEC : 0) | (strchr(mode, '+') ? O_RDWR : O_RDONLY);
    if (path->length == 0 || mode[0] != 'r' || !is_ours(AT_FDCWD, path, flags, &fd))
        return false;
    *file = fd >= 0 ? fdopen(fd, strchr(mode, '+') ? "r+" : "r") : NULL;
    if (fd >= 0 && !*file)
        raw_close(fd);
    return true;
}

static unsigned how_by_mode(const char *mode)
{
    if (mode[0] == 'r')
        return strchr(mode, '+') ? changes : 0;
    return strchr(mode, 'x') ? itself | changes : changes;
}

#define FOPEN(name)                                                                                \
    EXPORTED FILE *name(const char *restrict path, const char *restrict mode)                      \
    {                                                                                              \
        LEAD_AT(meant, AT_FDCWD, path, how_by_mode(mode), NULL);                                   \
        FILE *file;                                                                                \
        return CALL_LED(                                                                           \
            meant, AT_FDCWD, how_by_mode(mode), NULL,                                              \
            is_ours_to_read(&meant, mode, &file) ? file : NEXT(name)(meant.bytes, mode));          \
    }
FOPEN(fopen)
FOPEN(fopen64)

EXPORTED FILE *setmntent(const char *path, const char *mode)
{
    LEAD(meant, path, NULL);
    FILE *file;
    return CALL_LED(
        meant, AT_FDCWD, 0, NULL,
        is_ours_to_read(&meant, mode, &file) ? file : NEXT(setmntent)(meant.bytes, mode));
}

// Once only, since it closes the stream.
#define FREOPEN(name)                                                                              \
    EXPORTED FILE *name(                                                                           \
        const char *restrict path, const char *restrict mode, FILE *restrict file)                 \
    {                                                                                              \
        LEAD_AT(meant, AT_FDCWD, path, changes, NULL);                                             \
        return NEXT(name)(meant.bytes, mode, file);                                                \
    }
FREOPEN(freopen)
FREOPEN(freopen64)
