// The ioctls by which tools set something of a block device or of its partitions, and ask what was set.
#include "preload.h"

#include <linux/blkpg.h>
#include <linux/blktrace_api.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/hdreg.h>
#include <linux/pr.h>
#include <stddef.h>
#include <sys/ioctl.h>

// What a device's file tells of what was set (`DeviceHandle.settings`).
struct settings {
    uint32_t size, flags, cache_block, cylinders, heads, sectors, start, zero;
};
enum {
    get_settings = _IOR(0xfe, 6, struct settings),
    set_read_only = _IOW(0xfe, 7, int),
    read_only = 1,
};
_Static_assert(sizeof(struct settings) == 32, "the record of the daemon");

bool is_administrator(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct sets[2] = {0};
    return syscall(SYS_capget, &header, sets) == 0 && sets[0].effective & 1u << CAP_SYS_ADMIN;
}

// CAP_SYS_ADMIN, as the kernel wants it; and an ordinary user is the administrator of devices of its
// own.
bool may_set(const struct stat *status)
{
    uid_t user = (uid_t)syscall(SYS_geteuid);
    return (user != 0 && user == status->st_uid) || is_administrator();
}

// One that goes to the daemon with an int.
static int set_number(int fd, const struct stat *status, unsigned request, const void *argument)
{
    struct {
        int number, rest;
    } bytes = {0};
    if (!may_set(status))
        return fail(EACCES);
    if (!argument && request == BLKBSZSET)
        return fail(EINVAL);
    if (read_memory(&bytes.number, argument, sizeof bytes.number) != 0)
        return -1;
    return (int)syscall(SYS_ioctl, fd, request, &bytes);
}

// A mapped device has no partitions of its own (GENHD_FL_NO_PART): there is none to change, and none is
// added.
static int change_partition(const struct stat *status, const void *argument)
{
    struct blkpg_ioctl_arg change;
    struct blkpg_partition partition;
    if (read_memory(&change, argument, sizeof change) != 0)
        return -1;
    if (!may_set(status))
        return fail(EACCES);
    // The name isn't looked at.
    if (read_memory(&partition, change.data, offsetof(struct blkpg_partition, devname)) != 0)
        return -1;
    if (partition.pno <= 0)
        return fail(EINVAL);
    if (change.op == BLKPG_DEL_PARTITION)
        return fail(ENXIO);
    bool is_range = partition.start >= 0 && partition.length > 0 &&
                    partition.start <= INT64_MAX - partition.length &&
                    ((partition.start | partition.length) & 511) == 0;
    return fail(is_range && change.op == BLKPG_RESIZE_PARTITION ? ENXIO : EINVAL);
}

static int ask_settings(int fd, unsigned request, void *argument)
{
    struct settings settings;
    if (!argument && request == HDIO_GETGEO)
        return fail(EINVAL);
    if (syscall(SYS_ioctl, fd, get_settings, &settings) != 0)
        return -1;
    switch (request) {
    case BLKBSZGET: return GIVE(int, (int)settings.cache_block);
    case BLKROGET: return GIVE(int, settings.flags & read_only);
    default: break;
    }
    struct hd_geometry geometry;
    memset(&geometry, 0, sizeof geometry);
    geometry.heads = (unsigned char)settings.heads;
    geometry.sectors = (unsigned char)settings.sectors;
    geometry.cylinders = (unsigned short)settings.cylinders;
    geometry.start = settings.start;
    return write_memory(argument, &geometry, sizeof geometry);
}

int settings_ioctl(int fd, const struct stat *status, unsigned request, void *argument)
{
    switch (request) {
    case BLKBSZGET: case BLKROGET: case HDIO_GETGEO: return ask_settings(fd, request, argument);
    case BLKBSZSET: return set_number(fd, status, BLKBSZSET, argument);
    case BLKROSET: return set_number(fd, status, set_read_only, argument);
    case BLKRRPART: return fail(may_set(status) ? EINVAL : EACCES);
    case BLKPG: return change_partition(status, argument);
    // Of files, sockets and terminals.
    case FIBMAP: case FIONREAD: case FIOQSIZE: return fail(ENOTTY);
    // No reservation is passed on to a device below.
    case IOC_PR_REGISTER: case IOC_PR_RESERVE: case IOC_PR_RELEASE: case IOC_PR_PREEMPT:
    case IOC_PR_PREEMPT_ABORT: case IOC_PR_CLEAR:
        return fail(may_set(status) ? ENOTTY : EPERM);
    // There is no trace: nobody can set one up.
    case BLKTRACESTART: case BLKTRACESTOP: case BLKTRACETEARDOWN: return fail(EINVAL);
    default: return (int)syscall(SYS_ioctl, fd, request, argument);
    }
}
