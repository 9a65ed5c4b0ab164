// Stands between the daemon and the C library (LD_PRELOAD). While the file named by SLOW_DROPS is there, a
// thread that has a range of pages dropped first uses so much of a CPU as it would be kept from on a busy
// machine. While the file named by LATE_READS is there, what was read from a file below comes late; then
// there is a file of that name with ".taken" behind it. While the file named by LOST_REQUESTS is there, the
// daemon takes requests to nowhere, as a thread does that is being killed.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define BUSY_MILLISECONDS 300

static int is_there(const char *variable)
{
    const char *path = getenv(variable);
    return path && access(path, F_OK) == 0;
}

static void be_busy(void)
{
    struct timespec used;
    do
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    while (used.tv_sec * 1000 + used.tv_nsec / 1000000 < BUSY_MILLISECONDS);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    static ssize_t (*next)(int, const struct iovec *, int);
    if (!next)
        next = (ssize_t(*)(int, const struct iovec *, int))dlsym(RTLD_NEXT, "writev");
    struct fuse_out_header header;
    struct fuse_notify_inval_inode_out range;
    if (count == 2 && parts[0].iov_len == sizeof header && parts[1].iov_len == sizeof range) {
        memcpy(&header, parts[0].iov_base, sizeof header);
        memcpy(&range, parts[1].iov_base, sizeof range);
        if (header.unique == 0 && header.error == FUSE_NOTIFY_INVAL_INODE && range.len > 0 &&
            is_there("SLOW_DROPS"))
            be_busy();
    }
    return next(fd, parts, count);
}

static void come_late(void)
{
    if (!is_there("LATE_READS"))
        return;
    char taken[4096];
    snprintf(taken, sizeof taken, "%s.taken", getenv("LATE_READS"));
    int file = open(taken, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file >= 0)
        close(file);
    while (is_there("LATE_READS"))
        usleep(1000);
}

#define READS(NAME, SECOND, THIRD)                                                       \
    ssize_t NAME(int fd, SECOND what, THIRD size, off_t offset)                          \
    {                                                                                    \
        static ssize_t (*next)(int, SECOND, THIRD, off_t);                               \
        if (!next)                                                                       \
            next = (ssize_t(*)(int, SECOND, THIRD, off_t))dlsym(RTLD_NEXT, #NAME);       \
        ssize_t result = next(fd, what, size, offset);                                   \
        come_late();                                                                     \
        return result;                                                                   \
    }
READS(pread, void *, size_t)
READS(pread64, void *, size_t)
READS(preadv, const struct iovec *, int)
READS(preadv64, const struct iovec *, int)

ssize_t read(int fd, void *buffer, size_t size)
{
    static ssize_t (*next)(int, void *, size_t);
    if (!next)
        next = (ssize_t(*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
    // No other read is as long as a request of FUSE may be.
    while (size >= FUSE_MIN_READ_BUFFER && is_there("LOST_REQUESTS"))
        if (next(fd, (void *)1, size) < 0 && errno != EFAULT && errno != EINTR && errno != EAGAIN)
            break;
    return next(fd, buffer, size);
}
