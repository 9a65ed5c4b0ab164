// Finding the functions that ours stand before.
#include "preload.h"

#include <dlfcn.h>

// Stands for a function that this C library doesn't have. Those that give pointers every one has.
static long missing(void)
{
    errno = ENOSYS;
    return -1;
}

void *find_next(struct next *next)
{
    int saved = errno;
    void *found = dlsym(RTLD_NEXT, next->name);
    if (!found)
        found = (void *)missing;
    __atomic_store_n(&next->found, found, __ATOMIC_RELAXED);
    errno = saved;
    return found;
}

// The bounds of the section, by the linker.
extern struct next __start_dmfuse_next[], __stop_dmfuse_next[];

__attribute__((constructor)) static void find_all(void)
{
    for (struct next *next = __start_dmfuse_next; next < __stop_dmfuse_next; next++)
        find_next(next);
}
