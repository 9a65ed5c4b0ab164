// The ioctls of block devices, on device files. What isn't here is in settings.c.
#include "preload.h"

#include <limits.h>
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
enum { get_limits = _IOR(0xfe, 5, struct limits), rotational = 4 };
_Static_assert(sizeof(struct limits) == 64, "the record of the daemon");

static int read_limits(int fd, struct limits *limits)
{
    return (int)syscall(SYS_ioctl, fd, get_limits, limits);
}

// The daemon keeps what was set for each device, and has the mount's read-ahead follow the greatest.
APART static int open_read_ahead(const struct stat *status, int flags)
{
    __attribute__((cleanup(release))) struct path path;
    char name[48];
    unsigned minor;
    path.mapped = NULL;
    if (node_of(status->st_dev, status->st_ino, &minor) != device_node)
        return fail(ENXIO);
    struct writer writer = {name, name + sizeof name - 1, false};
    put_word(&writer, "/block/dm-");
    put_number(&writer, minor);
    put_word(&writer, "/queue/read_ahead_kb");
    *writer.at = 0;
    return below_mount(name, &path) ? raw_open(path.bytes, flags | O_CLOEXEC) : fail(ENOMEM);
}

// In sectors; 256, Linux's default, if nothing tells.
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

static int set_read_ahead(const struct stat *status, unsigned long sectors)
{
    char text[24];
    int fd = open_read_ahead(status, O_WRONLY);
    if (fd < 0)
        return fail(EACCES); // as without CAP_SYS_ADMIN
    struct writer writer = {text, text + sizeof text, false};
    put_number(&writer, sectors / 2 < UINT32_MAX ? sectors / 2 : UINT32_MAX);
    long written = syscall(SYS_write, fd, text, (size_t)(writer.at - text));
    raw_close(fd);
    return written < 0 ? fail(EACCES) : 0;
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
    // There is no secure way: BLKSECDISCARD.
    if (request != BLKZEROOUT && (request == BLKSECDISCARD || limits.maximum_discard == 0))
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

// Those that the limits of the device answer.
static int limits_ioctl(int fd, unsigned request, void *argument)
{
    struct limits limits;
    if (read_limits(fd, &limits) != 0)
        return -1;
    uint32_t longest = limits.maximum_sectors;
    switch (request) {
    case BLKSSZGET: return GIVE(int, (int)limits.logical_block);
    case BLKPBSZGET: return GIVE(unsigned, limits.physical_block);
    case BLKIOMIN: return GIVE(unsigned, limits.minimum_io);
    case BLKIOOPT: return GIVE(unsigned, limits.optimal_io);
    case BLKALIGNOFF: return GIVE(int, limits.alignment_offset);
    case BLKSECTGET: return GIVE(unsigned short, longest < USHRT_MAX ? longest : USHRT_MAX);
    default: return GIVE(unsigned short, (limits.flags & rotational) != 0);
    }
}

// Those that ask of the range of a discard or of zeros.
static int range_ioctl(int fd, const struct stat *status, unsigned request, const void *argument)
{
    uint64_t range[2];
    if (take_range(fd, status, request, argument, range) != 0)
        return -1;
    return request == BLKDISCARD ? discard(fd, range) : write_zeroes(fd, range);
}

int block_ioctl(int fd, const struct stat *status, unsigned request, void *argument)
{
    uint64_t size = (uint64_t)status->st_size;
    switch (request) {
    case BLKGETSIZE64: return GIVE(uint64_t, size);
    case BLKGETSIZE: return GIVE(unsigned long, size / 512);
    case BLKSSZGET: case BLKPBSZGET: case BLKIOMIN: case BLKIOOPT: case BLKALIGNOFF:
    case BLKSECTGET: case BLKROTATIONAL:
        return limits_ioctl(fd, request, argument);
    case BLKDISCARDZEROES: return GIVE(unsigned, 0);
    case BLKRAGET: case BLKFRAGET:
        return argument ? GIVE(unsigned long, read_ahead(status)) : fail(EINVAL);
    case BLKRASET: case BLKFRASET:
        return may_set(status) ? set_read_ahead(status, (unsigned long)argument) : fail(EACCES);
    case BLKFLSBUF: return may_set(status) ? flush(fd) : fail(EACCES);
    case BLKDISCARD: case BLKZEROOUT: case BLKSECDISCARD:
        return range_ioctl(fd, status, request, argument);
    default: return settings_ioctl(fd, status, request, argument);
    }
}
