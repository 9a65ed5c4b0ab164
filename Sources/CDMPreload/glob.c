// glob, which the C library does by calls of its own, unless it is told others: ours.
#include "preload.h"

#include <dirent.h>
#include <glob.h>

static void *open_for_glob(const char *path) { return opendir(path); }
static void close_after_glob(void *stream) { closedir(stream); }
static struct dirent *read_for_glob(void *stream) { return readdir(stream); }
static struct dirent64 *read64_for_glob(void *stream) { return readdir64(stream); }

#define GLOB(name, result_type, read)                                                              \
    EXPORTED int name(                                                                             \
        const char *restrict pattern, int flags, int (*on_error)(const char *, int),               \
        result_type *restrict result)                                                              \
    {                                                                                              \
        if (!mount_directory() || flags & GLOB_ALTDIRFUNC)                                         \
            return NEXT(name)(pattern, flags, on_error, result);                                   \
        result_type given = *result;                                                               \
        result->gl_opendir = open_for_glob;                                                        \
        result->gl_readdir = read;                                                                 \
        result->gl_closedir = close_after_glob;                                                    \
        result->gl_stat = stat_of_##name;                                                          \
        result->gl_lstat = lstat_of_##name;                                                        \
        int error = NEXT(name)(pattern, flags | GLOB_ALTDIRFUNC, on_error, result);                \
        result->gl_flags &= ~GLOB_ALTDIRFUNC;                                                      \
        result->gl_opendir = given.gl_opendir;                                                     \
        result->gl_readdir = given.gl_readdir;                                                     \
        result->gl_closedir = given.gl_closedir;                                                   \
        result->gl_stat = given.gl_stat;                                                           \
        result->gl_lstat = given.gl_lstat;                                                         \
        return error;                                                                              \
    }
#define stat_of_glob stat
#define lstat_of_glob lstat
#define stat_of_glob64 stat64
#define lstat_of_glob64 lstat64
GLOB(glob, glob_t, read_for_glob)
GLOB(glob64, glob64_t, read64_for_glob)
