// What posix_spawn is told to do in the child, by calls of the C library's own: paths are led when they are
// told. A relative one begins where the child is by then, so it stays.
#include "preload.h"

#include <spawn.h>

// They give an errno, and leave it alone. `how`: as if they wrote where that isn't known, since nobody can
// look at links later.
#define ACTION(name, how, parameters, change, arguments)                                           \
    EXPORTED int name parameters                                                                   \
    {                                                                                              \
        if (*path != '/')                                                                          \
            return NEXT(name) arguments;                                                           \
        LEAD_AT(meant, AT_FDCWD, path, how, ENOMEM);                                               \
        path = meant.bytes;                                                                        \
        change;                                                                                    \
        return NEXT(name) arguments;                                                               \
    }
ACTION(posix_spawn_file_actions_addopen, how_of_open(flags) | changes,
       (posix_spawn_file_actions_t *restrict actions, int fd, const char *restrict path, int flags,
        mode_t mode),
       flags = flags_of_open(flags, &meant),
       (actions, fd, path, flags, mode))
ACTION(posix_spawn_file_actions_addchdir_np, changes,
       (posix_spawn_file_actions_t *restrict actions, const char *restrict path),
       , (actions, path))
