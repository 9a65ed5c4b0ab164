// Raw system calls.
#include "preload.h"

#include <linux/openat2.h>
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

long raw_directory_path(int directory, char *path, size_t size)
{
    if (directory == AT_FDCWD) {
        long length = syscall(SYS_getcwd, path, size);
        return length > 0 ? length - 1 : length; // with its NUL
    }
    char link[32];
    struct writer writer = {link, link + sizeof link - 1, false};
    put_word(&writer, "/proc/self/fd/");
    put_number(&writer, (unsigned)directory);
    *writer.at = 0;
    return raw_readlink(link, path, size);
}

bool raw_has_links(int directory, const char *path, int flags)
{
    struct open_how how = {
        .flags = (unsigned)(O_PATH | O_CLOEXEC | flags), .resolve = RESOLVE_NO_SYMLINKS};
    int saved = errno;
    long fd = syscall(SYS_openat2, directory, path, &how, sizeof how);
    int error = fd < 0 ? errno : ENOENT;
    if (fd >= 0)
        raw_close((int)fd);
    errno = saved;
    return error != ENOENT && error != ENOTDIR && error != EACCES && error != ENAMETOOLONG;
}

bool links_are_protected(void)
{
    char byte = 0;
    int fd = raw_open("/proc/sys/fs/protected_symlinks", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return true;
    syscall(SYS_read, fd, &byte, 1);
    raw_close(fd);
    return byte != '0';
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

// The room that is lent first. A child of a process with threads may find it lent for ever, which costs
// time and nothing else.
static char own_room[lent_size];
static bool is_lent;

char *borrow(void)
{
    return __atomic_exchange_n(&is_lent, true, __ATOMIC_ACQUIRE) ? map(lent_size) : own_room;
}

void give_back(char *room)
{
    if (room == own_room)
        __atomic_store_n(&is_lent, false, __ATOMIC_RELEASE);
    else
        unmap(room, lent_size);
}
