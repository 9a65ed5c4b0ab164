// Finding the functions that ours stand before, and the raw system calls.
#include "preload.h"

#include <dlfcn.h>

void *find_next(struct next *next)
{
    int saved = errno;
    void *found = dlsym(RTLD_NEXT, next->name);
    // A C library without it would not have led a program here.
    if (!found)
        __builtin_trap();
    __atomic_store_n(&next->found, found, __ATOMIC_RELAXED);
    errno = saved;
    return found;
}

// The bounds of the section, by the linker.
extern struct next __start_dmfuse_next[], __stop_dmfuse_next[];

__attribute__((constructor)) static void find_all(void)
{
    for (struct next *next = __start_dmfuse_next; next < __stop_dmfuse_next; next++)
        __atomic_store_n(&next->found, dlsym(RTLD_NEXT, next->name), __ATOMIC_RELAXED);
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
