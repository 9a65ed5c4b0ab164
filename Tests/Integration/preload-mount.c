// Preloaded into a daemon: something happens between its look at a directory and its mount there. Runs
// the shell command in $BEFORE_MOUNT once, without itself preloaded there.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

int mount(const char *source, const char *target, const char *type, unsigned long flags,
          const void *data);

int mount(const char *source, const char *target, const char *type, unsigned long flags,
          const void *data) {
    int (*next)(const char *, const char *, const char *, unsigned long, const void *) =
        (int (*)(const char *, const char *, const char *, unsigned long, const void *))dlsym(
            RTLD_NEXT, "mount");
    const char *command = getenv("BEFORE_MOUNT");
    unsetenv("LD_PRELOAD");
    if (command != NULL && system(command) != 0)
        return -1;
    unsetenv("BEFORE_MOUNT");
    return next(source, target, type, flags, data);
}
