#define _GNU_SOURCE
#include "clinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

static int open_path(int directory, const char *path, unsigned long long resolve) {
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = resolve};
    long descriptor = syscall(SYS_openat2, directory, path, &how, sizeof how);
    return descriptor < 0 ? -errno : (int)descriptor;
}

int clinux_open_path(int directory, const char *path) {
    return open_path(directory, path, RESOLVE_NO_MAGICLINKS);
}

int clinux_open_path_within(int directory, const char *path) {
    return open_path(directory, path, RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
}

unsigned clinux_effective_user(void) { return (unsigned)syscall(SYS_geteuid); }

int clinux_open_link(const char *path) {
    struct open_how how = {
        .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS};
    long descriptor = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    return descriptor < 0 ? -errno : (int)descriptor;
}

int clinux_protects_links(void) {
    char byte = 0;
    int descriptor = open("/proc/sys/fs/protected_symlinks", O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return 1;
    ssize_t count = read(descriptor, &byte, 1);
    close(descriptor);
    return count != 1 || byte != '0';
}

int clinux_is_procfs(int descriptor) {
    struct statfs status;
    return fstatfs(descriptor, &status) == 0 && status.f_type == PROC_SUPER_MAGIC;
}

int clinux_has_capabilities(const char *path) {
    return getxattr(path, "security.capability", NULL, 0) > 0;
}

int clinux_open_nameless(const char *directory) {
    if (directory[0] == '\0')
        return -ENOENT;
    int descriptor = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (descriptor >= 0)
        return descriptor;
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/dmfuse-XXXXXX", directory);
    if (length < 0 || (size_t)length >= sizeof path)
        return -ENAMETOOLONG;
    descriptor = mkostemp(path, O_CLOEXEC);
    if (descriptor < 0)
        return -errno;
    unlink(path);
    return descriptor;
}

static int allocate(int descriptor, int mode, long offset, long length) {
    while (fallocate(descriptor, mode | FALLOC_FL_KEEP_SIZE, offset, length) != 0) {
        if (errno != EINTR)
            return -errno;
    }
    return 0;
}

int clinux_lock_byte(int descriptor, long offset, int exclusive)
{
    struct flock lock = {
        .l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET, .l_start = offset, .l_len = 1};
    if (fcntl(descriptor, F_OFD_SETLK, &lock) == 0)
        return 0;
    return errno == EACCES ? -EAGAIN : -errno;
}

void clinux_unlock_bytes(int descriptor, long offset)
{
    struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = offset, .l_len = 0};
    (void)fcntl(descriptor, F_OFD_SETLK, &lock);
}

long clinux_find_lock(int descriptor, long offset, long length, int *process)
{
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = offset, .l_len = length};
    *process = 0;
    if (fcntl(descriptor, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
        return -1;
    *process = lock.l_pid > 0 ? lock.l_pid : 0;
    return lock.l_start > offset ? lock.l_start : offset;
}

int clinux_punch_hole(int descriptor, long offset, long length) {
    return allocate(descriptor, FALLOC_FL_PUNCH_HOLE, offset, length);
}

int clinux_zero_range(int descriptor, long offset, long length) {
    return allocate(descriptor, FALLOC_FL_ZERO_RANGE, offset, length);
}

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

int clinux_become_io_flusher(void) {
    return prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) == 0 ? 0 : -errno;
}

void clinux_give_large_blocks_back(void) {
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, 128 << 10);
#endif
}

void clinux_give_back_memory(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

void clinux_use_one_arena(void) {
#ifdef M_ARENA_MAX
    mallopt(M_ARENA_MAX, 1);
#endif
}

int clinux_can_map(size_t length) {
    void *fresh = mmap(NULL, length, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (fresh == MAP_FAILED)
        return 0;
    munmap(fresh, length);
    return 1;
}

size_t clinux_freed_memory(void) {
#if __GLIBC_PREREQ(2, 33)
    return mallinfo2().fordblks;
#else
    return 0;
#endif
}

int clinux_go_direct(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    return flags < 0 ? -1 : fcntl(descriptor, F_SETFL, flags | O_DIRECT);
}
