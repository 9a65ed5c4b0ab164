// Finding the functions that ours stand before, and the raw system calls.
#include "preload.h"

#include <dlfcn.h>

void *find_next(void **found, const char *name)
{
    void *next = dlsym(RTLD_NEXT, name);
    // A C library without it would not have led a program here.
    if (!next)
        __builtin_trap();
    __atomic_store_n(found, next, __ATOMIC_RELAXED);
    return next;
}

int raw_open(const char *path, int flags)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0600);
}

int raw_stat(int directory, const char *path, struct stat *status, int flags)
{
    return (int)syscall(SYS_newfstatat, directory, path, status, flags);
}

void raw_close(int fd)
{
    int saved = errno;
    syscall(SYS_close, fd);
    errno = saved;
}
