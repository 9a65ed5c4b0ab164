// What sysfs would tell of a mapped device's names: /sys/dev/block/MAJOR:MINOR, a link, and
// dm/name and dm/uuid below it and below /sys/block/dm-MINOR. dmsetup's -o devname and blkdevname
// and util-linux read them.
#include "preload.h"

#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

static const char *after(const char *path, const char *front)
{
    size_t length = strlen(front);
    return strncmp(path, front, length) == 0 ? path + length : NULL;
}

// The rest of a path behind the number of a mapped device; NULL: it isn't about one.
static const char *device_of(const char *path, unsigned *minor)
{
    const char *number = after(path, "/sys/block/dm-");
    char *end;
    if (!number && (number = after(path, "/sys/dev/block/"))) {
        unsigned long major = strtoul(number, &end, 10);
        if (major != mapped_major() || *end != ':')
            return NULL;
        number = end + 1;
    }
    if (!number || *number < '0' || *number > '9')
        return NULL;
    *minor = (unsigned)strtoul(number, &end, 10);
    return *end == 0 || *end == '/' ? end : NULL;
}

static bool find(unsigned minor, struct dm_ioctl *status)
{
    *status = (struct dm_ioctl){
        .version = {DM_VERSION_MAJOR, 0, 0}, .data_size = sizeof *status,
        .dev = (minor & 0xff) | (uint64_t)mapped_major() << 8 | (uint64_t)(minor & ~0xffU) << 12};
    // The kernel makes the disk with the first table.
    return control_ioctl(-1, DM_DEV_STATUS, status) == 0 &&
           status->flags & (DM_ACTIVE_PRESENT_FLAG | DM_INACTIVE_PRESENT_FLAG);
}

bool sysfs_open(const char *path, int flags, int *fd)
{
    unsigned minor;
    const char *rest = after(path, "/sys/") ? device_of(path, &minor) : NULL;
    bool is_name = rest && strcmp(rest, "/dm/name") == 0;
    struct dm_ioctl status;
    if (!is_name && !(rest && strcmp(rest, "/dm/uuid") == 0))
        return false;
    if (!find(minor, &status)) {
        errno = ENOENT;
        *fd = -1;
        return true;
    }
    char text[DM_UUID_LEN + 2];
    int length = snprintf(text, sizeof text, "%s\n", is_name ? status.name : status.uuid);
    *fd = text_open(text, (size_t)length, flags);
    return true;
}

ssize_t sysfs_readlink(const char *path, char *target, size_t size)
{
    unsigned minor;
    struct dm_ioctl status;
    const char *rest = path && mount_directory() && after(path, "/sys/dev/block/")
                           ? device_of(path, &minor) : NULL;
    if (!rest || *rest != 0 || !find(minor, &status))
        return 0;
    char link[64];
    int length = snprintf(link, sizeof link, "../../devices/virtual/block/dm-%u", minor);
    size_t kept = (size_t)length < size ? (size_t)length : size;
    memcpy(target, link, kept);
    return (ssize_t)kept;
}
