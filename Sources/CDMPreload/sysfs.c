// What the kernel's sysfs would have of the mapped devices stands in the mount, in DIR/block: paths of
// /sys lead there. lsblk, libdevmapper, blkid and the mkfs programs read them.
#include "preload.h"

// What a device's names in sysfs are links to, without the name itself.
static const char from_block[] = "../devices/virtual/block/";
static const char from_elsewhere[] = "../../devices/virtual/block/";
static const char devices[] = "/sys/devices/virtual/block", mirror[] = "/block";

// A name of a path, up to a slash or the end.
static struct text first_name(struct text path)
{
    struct text name = {path.at, 0};
    while (name.left < path.left && path.at[name.left] != '/')
        name.left++;
    return name;
}

// Steps to the next name. false: there is none.
static bool take_slashes(struct text *path)
{
    struct text rest = *path;
    if (!take(&rest, "/"))
        return false;
    do
        take_any(&rest, "/");
    while (take(&rest, "./"));
    if (rest.left > 0)
        *path = rest;
    return rest.left > 0;
}

// Steps over a directory of sysfs that has the block devices, and a slash.
static bool take_directory(struct text *path, const char **link, bool *is_by_number)
{
    struct text rest = *path;
    *is_by_number = false;
    *link = from_elsewhere;
    if (!take_name(&rest, "sys"))
        return false;
    if (take_name(&rest, "dev")) {
        *is_by_number = true;
        if (!take_name(&rest, "block"))
            return false;
    } else if (take_name(&rest, "class")) {
        if (!take_name(&rest, "block"))
            return false;
    } else if (take_name(&rest, "devices")) {
        *link = NULL;
        if (!take_name(&rest, "virtual") || !take_name(&rest, "block"))
            return false;
    } else if (take_name(&rest, "block")) {
        *link = from_block;
    } else {
        return false;
    }
    if (!take_slashes(&rest))
        return false;
    *path = rest;
    return true;
}

// Steps over a device of ours, up to a slash or the end.
static bool take_device(struct text *path, bool is_by_number, unsigned *minor)
{
    struct text rest = *path;
    unsigned major;
    bool is = is_by_number
                  ? take_number(&rest, &major) && major == mapped_major() && take(&rest, ":")
                  : take(&rest, "dm-");
    if (!is || !take_number(&rest, minor) || (rest.left > 0 && *rest.at != '/'))
        return false;
    *path = rest;
    return true;
}

// A link of another device's to a holder of ours: "NAME/holders/dm-N".
static bool is_holder(struct text path)
{
    unsigned minor;
    struct text name = first_name(path);
    path.at += name.left;
    path.left -= name.left;
    return name.left > 0 && take_name(&path, "holders") && take_slashes(&path) &&
           take_device(&path, false, &minor);
}

// Makes `path` one below DIR/block.
APART static enum walked lead_to_mirror(struct path *path, struct text name, struct text rest)
{
    __attribute__((cleanup(release))) struct path part;
    part.mapped = NULL;
    size_t size = sizeof mirror + name.left + rest.left + 2;
    if (size > PATH_MAX) // it is nowhere, there or here
        return walked_elsewhere;
    char *room = room_for(&part, size);
    if (!room)
        return walked_nowhere;
    struct writer writer = {room, room + size - 1, false};
    put_word(&writer, mirror);
    put(&writer, "/", 1);
    put(&writer, name.at, name.left);
    put(&writer, rest.at, rest.left);
    struct text made = {room, (size_t)(writer.at - room)};
    path->is_sysfs = true;
    return lead_below_mount(path, made) ? walked_ours : walked_nowhere;
}

enum walked sysfs_lead(struct path *path)
{
    unsigned minor;
    bool is_by_number;
    const char *link;
    struct text rest = {path->bytes, path->length};
    if (!take_directory(&rest, &link, &is_by_number))
        return walked_elsewhere;
    if (!is_by_number && is_holder(rest))
        return lead_to_mirror(path, rest, (struct text){"", 0});
    if (!take_device(&rest, is_by_number, &minor))
        return walked_elsewhere;
    char name[16];
    struct writer writer = {name, name + sizeof name, false};
    put_word(&writer, "dm-");
    put_number(&writer, minor);
    path->link = rest.left == 0 ? link : NULL;
    return lead_to_mirror(path, (struct text){name, (size_t)(writer.at - name)}, rest);
}

// MARK: Links

ssize_t sysfs_readlink(const struct path *path, char *target, size_t size)
{
    int saved = errno;
    bool is_there = path->link && raw_exists(path->bytes);
    errno = saved;
    const char *name = is_there ? memrchr(path->bytes, '/', path->length) : NULL;
    if (!name)
        return 0;
    char link[48];
    struct writer writer = {link, link + sizeof link, false};
    put_word(&writer, path->link);
    put_word(&writer, name + 1);
    size_t length = (size_t)(writer.at - link), kept = length < size ? length : size;
    return write_memory(target, link, kept) == 0 ? (ssize_t)kept : -1;
}

bool sysfs_name(char *resolved)
{
    size_t front = mount_directory_length(), length = strlen(resolved);
    if (strncmp(resolved, mount_directory(), front) != 0 ||
        strncmp(resolved + front, mirror, sizeof mirror - 1) != 0)
        return true;
    char *rest = resolved + front + sizeof mirror - 1;
    size_t left = (size_t)(resolved + length - rest);
    if (sizeof devices + left > PATH_MAX)
        return false;
    memmove(resolved + sizeof devices - 1, rest, left + 1);
    memcpy(resolved, devices, sizeof devices - 1);
    return true;
}

// MARK: Directories of other devices

bool sysfs_holders(struct text directory, struct path *made)
{
    static const char end[] = "/holders";
    const size_t own = sizeof end - 1;
    struct text rest = directory;
    if (!take(&rest, "/sys/devices/") || rest.left <= own ||
        memcmp(rest.at + rest.left - own, end, own) != 0)
        return false;
    rest.left -= own;
    const char *slash = memrchr(rest.at, '/', rest.left);
    struct text name = slash ? (struct text){slash + 1, (size_t)(rest.at + rest.left - slash - 1)}
                             : rest;
    struct text holders = {end, own};
    return !made || lead_to_mirror(made, name, holders) == walked_ours;
}
