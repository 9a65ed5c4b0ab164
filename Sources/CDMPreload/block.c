// The ioctls of block devices, on device files. What isn't here goes on to the file system.
#include "preload.h"

#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

// What a device's file tells of the requests that the device takes (`QueueLimits.record`).
struct limits {
    uint32_t size, logical_block, physical_block, minimum_io, optimal_io;
    int32_t alignment_offset;
    uint32_t maximum_sectors, maximum_hardware_sectors, discard_granularity, discard_alignment;
    uint32_t maximum_discard, maximum_hardware_discard, maximum_write_zeroes, chunk_sectors;
    uint32_t flags, zero;
};
enum { get_limits = _IOR(0xfe, 5, struct limits), largest_block = 4096 };
_Static_assert(sizeof(struct limits) == 64, "the record of the daemon");

static int fail(int error)
{
    errno = error;
    return -1;
}

static int read_limits(int fd, struct limits *limits)
{
    return (int)syscall(SYS_ioctl, fd, get_limits, limits);
}

// The block size that the kernel sets on a block device of that size.
static int soft_block(const struct limits *limits, uint64_t size)
{
    uint32_t block = limits->logical_block;
    while (block < largest_block && (size & block) == 0)
        block <<= 1;
    return (int)block;
}

// The read-ahead is the mount's: one for all its files.
static int open_read_ahead(const struct stat *status, int flags)
{
    char path[64];
    struct writer writer = {path, path + sizeof path - 1, false};
    put_word(&writer, "/sys/class/bdi/");
    put_number(&writer, major(status->st_dev));
    put(&writer, ":", 1);
    put_number(&writer, minor(status->st_dev));
    put_word(&writer, "/read_ahead_kb");
    *writer.at = 0;
    return raw_open(path, flags | O_CLOEXEC);
}

// In sectors; 256, Linux's default, if it doesn't tell.
static unsigned long read_ahead(const struct stat *status)
{
    char bytes[32];
    long count = -1;
    unsigned kilobytes;
    int saved = errno, fd = open_read_ahead(status, O_RDONLY);
    if (fd >= 0) {
        count = syscall(SYS_read, fd, bytes, sizeof bytes);
        raw_close(fd);
    }
    errno = saved;
    struct text text = {bytes, count > 0 ? (size_t)count : 0};
    return take_number(&text, &kilobytes) ? 2UL * kilobytes : 256;
}

// Raises it. Less for one device would be less for all, so that is granted and not done.
static int set_read_ahead(const struct stat *status, unsigned long sectors)
{
    char text[24];
    if (sectors <= read_ahead(status))
        return 0;
    int fd = open_read_ahead(status, O_WRONLY);
    if (fd < 0)
        return fail(EACCES); // as without CAP_SYS_ADMIN
    struct writer writer = {text, text + sizeof text, false};
    put_number(&writer, sectors / 2);
    long written = syscall(SYS_write, fd, text, (size_t)(writer.at - text));
    raw_close(fd);
    return written < 0 ? -1 : 0;
}

// Writes everything back and forgets what is cached, as the kernel does with the device's pages.
static int flush(int fd)
{
    if (syscall(SYS_fsync, fd) != 0)
        return -1;
    syscall(SYS_fadvise64, fd, 0L, 0L, POSIX_FADV_DONTNEED);
    return 0;
}

// The kernel's checks: EBADF, not open for writing; EOPNOTSUPP, no discards; EFAULT; EINVAL, not whole
// blocks or beyond the end.
static int take_range(
    int fd, const struct stat *status, unsigned request, const void *argument, uint64_t range[2])
{
    struct limits limits;
    long flags = syscall(SYS_fcntl, fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
        return fail(EBADF);
    if (read_limits(fd, &limits) != 0)
        return -1;
    if (request == BLKDISCARD && limits.maximum_discard == 0)
        return fail(EOPNOTSUPP);
    if (read_memory(range, argument, 2 * sizeof range[0]) != 0)
        return -1;
    uint64_t size = (uint64_t)status->st_size, end = range[0] + range[1];
    if ((range[0] | range[1]) & (limits.logical_block - 1) || end < range[0] || end > size)
        return fail(EINVAL);
    return 0;
}

static int discard(int fd, const uint64_t range[2])
{
    int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    return range[1] == 0 ? fail(EINVAL)
                         : (int)syscall(SYS_fallocate, fd, mode, range[0], range[1]);
}

static int write_zeroes(int fd, const uint64_t range[2])
{
    int mode = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;
    if (syscall(SYS_fallocate, fd, mode, range[0], range[1]) == 0)
        return 0;
    if (errno != EOPNOTSUPP)
        return -1;
    // Aligned as O_DIRECT wants it.
    static const _Alignas(4096) char zeroes[64 << 10];
    uint64_t offset = range[0], end = range[0] + range[1];
    while (offset < end) {
        uint64_t left = end - offset;
        long count = syscall(
            SYS_pwrite64, fd, zeroes, left < sizeof zeroes ? left : sizeof zeroes, offset);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count == 0 ? fail(EIO) : -1;
        offset += (uint64_t)count;
    }
    return 0;
}

// Answers an ioctl by a value of a type.
#define GIVE(type, value) write_memory(argument, &(type){value}, sizeof(type))

// Those that the limits of the device answer.
static int limits_ioctl(int fd, uint64_t size, unsigned request, void *argument)
{
    struct limits limits;
    if (read_limits(fd, &limits) != 0)
        return -1;
    switch (request) {
    case BLKSSZGET: return GIVE(int, (int)limits.logical_block);
    case BLKPBSZGET: return GIVE(unsigned, limits.physical_block);
    case BLKIOMIN: return GIVE(unsigned, limits.minimum_io);
    case BLKIOOPT: return GIVE(unsigned, limits.optimal_io);
    case BLKALIGNOFF: return GIVE(int, limits.alignment_offset);
    default: return GIVE(int, soft_block(&limits, size));
    }
}

int block_ioctl(int fd, const struct stat *status, unsigned request, void *argument)
{
    uint64_t size = (uint64_t)status->st_size, range[2];
    switch (request) {
    case BLKGETSIZE64: return GIVE(uint64_t, size);
    case BLKGETSIZE: return GIVE(unsigned long, size / 512);
    case BLKSSZGET: case BLKPBSZGET: case BLKIOMIN: case BLKIOOPT: case BLKALIGNOFF:
    case BLKBSZGET:
        return limits_ioctl(fd, size, request, argument);
    case BLKRAGET: case BLKFRAGET: return GIVE(unsigned long, read_ahead(status));
    case BLKRASET: case BLKFRASET: return set_read_ahead(status, (unsigned long)argument);
    case BLKROGET: return GIVE(int, !(status->st_mode & S_IWUSR));
    case BLKFLSBUF: return flush(fd);
    case BLKDISCARD: case BLKZEROOUT:
        if (take_range(fd, status, request, argument, range) != 0)
            return -1;
        return request == BLKDISCARD ? discard(fd, range) : write_zeroes(fd, range);
    default: return (int)syscall(SYS_ioctl, fd, request, argument);
    }
}
