// Raw system calls.
#include "preload.h"

#include <signal.h>
#include <sys/mman.h>
#include <time.h>

int raw_open(const char *path, int flags)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0600);
}

int raw_stat(int directory, const char *path, struct stat *status, int flags)
{
    return (int)syscall(SYS_newfstatat, directory, path, status, flags);
}

bool raw_exists(const char *path) { return syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0; }

long raw_readlink(const char *path, char *target, size_t size)
{
    return syscall(SYS_readlinkat, AT_FDCWD, path, target, size);
}

void raw_close(int fd)
{
    int saved = errno;
    syscall(SYS_close, fd);
    errno = saved;
}

long raw_write(int fd, const void *bytes, size_t size)
{
    // Both come to the thread that writes: they wait there, and are taken away.
    uint64_t unwanted = 1ULL << (SIGPIPE - 1) | 1ULL << (SIGXFSZ - 1), before = 0, waiting = 0;
    static const struct timespec at_once = {0, 0};
    const size_t set = sizeof unwanted;
    bool is_blocked = syscall(SYS_rt_sigprocmask, SIG_BLOCK, &unwanted, &before, set) == 0;
    syscall(SYS_rt_sigpending, &waiting, set);
    long count = syscall(SYS_write, fd, bytes, size);
    int error = errno;
    uint64_t came = unwanted & ~waiting;
    if (is_blocked && count < 0 && (error == EPIPE || error == EFBIG) && came)
        syscall(SYS_rt_sigtimedwait, &came, NULL, &at_once, set);
    if (is_blocked)
        syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, set);
    errno = error;
    return count;
}

void *map(size_t size)
{
    int saved = errno;
    long pages = syscall(
        SYS_mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1L, 0L);
    if (pages == -1) {
        errno = ENOMEM;
        return NULL;
    }
    errno = saved;
    return (void *)pages;
}

void unmap(void *pages, size_t size)
{
    int saved = errno;
    syscall(SYS_munmap, pages, size);
    errno = saved;
}
