// What sysfs would tell of a mapped device's names: /sys/dev/block/MAJOR:MINOR, a link, and
// dm/name and dm/uuid below it and below /sys/block/dm-MINOR. dmsetup's -o devname and blkdevname
// and util-linux read them.
#include "preload.h"

#include <linux/dm-ioctl.h>
#include <sys/ioctl.h>

// Steps over the front of a path that is about a mapped device, up to a slash or the end.
static bool take_device(struct text *path, unsigned *minor)
{
    struct text rest = *path;
    unsigned major;
    bool is = take(&rest, "/sys/block/dm-") ||
              (take(&rest, "/sys/dev/block/") && take_number(&rest, &major) &&
               major == mapped_major() && take(&rest, ":"));
    if (!is || !take_number(&rest, minor) || (rest.left > 0 && *rest.at != '/'))
        return false;
    *path = rest;
    return true;
}

static bool find(unsigned minor, struct dm_ioctl *status)
{
    // The kernel makes the disk with the first table.
    return device_status(minor, status) &&
           status->flags & (DM_ACTIVE_PRESENT_FLAG | DM_INACTIVE_PRESENT_FLAG);
}

// A descriptor of a device's name or uuid.
APART static int give_text(unsigned minor, bool is_name, int flags)
{
    struct dm_ioctl status;
    if (!find(minor, &status)) {
        errno = ENOENT;
        return -1;
    }
    // A daemon's answer may lack the NUL.
    struct text name = {status.name, strnlen(status.name, sizeof status.name)};
    struct text uuid = {status.uuid, strnlen(status.uuid, sizeof status.uuid)};
    struct text parts[] = {is_name ? name : uuid, {"\n", 1}};
    return text_open(parts, 2, flags);
}

bool sysfs_open(const struct path *path, int flags, int *fd)
{
    unsigned minor;
    struct text rest = {path->bytes, path->length};
    if (!mount_directory() || !take_device(&rest, &minor))
        return false;
    bool is_name = is_text(rest, "/dm/name");
    if (!is_name && !is_text(rest, "/dm/uuid"))
        return false;
    *fd = give_text(minor, is_name, flags);
    return true;
}

// As `sysfs_readlink`.
APART static ssize_t give_link(unsigned minor, char *target, size_t size)
{
    struct dm_ioctl status;
    int saved = errno;
    bool is_there = find(minor, &status);
    errno = saved;
    if (!is_there)
        return 0;
    char link[48];
    struct writer writer = {link, link + sizeof link, false};
    put_word(&writer, "../../devices/virtual/block/dm-");
    put_number(&writer, minor);
    size_t length = (size_t)(writer.at - link), kept = length < size ? length : size;
    return write_memory(target, link, kept) == 0 ? (ssize_t)kept : -1;
}

ssize_t sysfs_readlink(const struct path *path, char *target, size_t size)
{
    unsigned minor;
    struct text rest = {path->bytes, path->length}, front = rest;
    if (!mount_directory() || !take(&front, "/sys/dev/block/") || !take_device(&rest, &minor) ||
        rest.left > 0)
        return 0;
    return give_link(minor, target, size);
}
