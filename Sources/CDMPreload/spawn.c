// What posix_spawn is told to do in the child, by calls of the C library's own: paths are led when they are
// told. A relative one begins where the child is by then, so it stays.
#include "preload.h"

#include <spawn.h>

// They give an errno, and leave it alone. Looked at as if they made a name: nobody can do so later.
#define ACTION(name, parameters, arguments)                                                        \
    EXPORTED int name parameters                                                                   \
    {                                                                                              \
        if (*path != '/')                                                                          \
            return NEXT(name) arguments;                                                           \
        LEAD_AT(meant, AT_FDCWD, path, changes, ENOMEM);                                           \
        path = meant.bytes;                                                                        \
        return NEXT(name) arguments;                                                               \
    }
ACTION(posix_spawn_file_actions_addopen,
       (posix_spawn_file_actions_t *restrict actions, int fd, const char *restrict path, int flags,
        mode_t mode),
       (actions, fd, path, flags, mode))
ACTION(posix_spawn_file_actions_addchdir_np,
       (posix_spawn_file_actions_t *restrict actions, const char *restrict path), (actions, path))
