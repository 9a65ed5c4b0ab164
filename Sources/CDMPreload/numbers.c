// The names by number in /dev/block, which udev would have made: links to the devices.
#include "preload.h"

bool take_device_number(struct text *text, unsigned *major, unsigned *minor)
{
    struct text rest = *text;
    take_any(&rest, "/");
    if (!take_number(&rest, major) || !take(&rest, ":") || !take_number(&rest, minor) ||
        rest.left > 0)
        return false;
    *text = rest;
    return true;
}

// The path in /dev of another device, as the kernel's sysfs has it; empty: it isn't there. The room is
// of PATH_MAX bytes.
APART static struct text path_of_other(unsigned major, unsigned minor, char *room)
{
    static const char front[] = "/dev";
    const struct text none = {room, 0};
    char link[48];
    struct writer writer = {link, link + sizeof link - 1, false};
    put_word(&writer, "/sys/dev/block/");
    put_number(&writer, major);
    put(&writer, ":", 1);
    put_number(&writer, minor);
    *writer.at = 0;
    int saved = errno;
    long length = raw_readlink(link, room, PATH_MAX - 1);
    errno = saved;
    const char *name = length > 0 ? memrchr(room, '/', (size_t)length) : NULL;
    if (!name)
        return none;
    size_t size = (size_t)(room + length - name);
    if (size + sizeof front > PATH_MAX)
        return none;
    memmove(room + sizeof front - 1, name, size);
    memcpy(room, front, sizeof front - 1);
    room[sizeof front - 1 + size] = 0;
    return (struct text){room, sizeof front - 1 + size};
}

static void put_device_file(struct writer *writer, const char *front, unsigned minor)
{
    put_word(writer, front);
    put_word(writer, "/dm-");
    put_number(writer, minor);
}

struct text path_by_number(struct text path, char *room)
{
    unsigned major, minor;
    struct text rest = path;
    struct writer writer = {room, room + PATH_MAX, false};
    if ((!take_mount(&rest) && (!take_dev(&rest) || !take_name(&rest, "block"))) ||
        !take_device_number(&rest, &major, &minor))
        return (struct text){room, 0};
    if (major != mapped_major())
        return path_of_other(major, minor, room);
    put_device_file(&writer, "/dev", minor);
    return (struct text){room, (size_t)(writer.at - room)};
}

// Leads to the name in /dev of another device, if its number has no name. kpartx finds an image's loop
// device so.
APART static enum walked lead_to_other(struct path *path, unsigned major, unsigned minor)
{
    int saved = errno;
    bool is_named = raw_exists(path->bytes);
    errno = saved;
    if (is_named)
        return walked_elsewhere;
    char *room = room_for(path, PATH_MAX);
    if (!room)
        return walked_nowhere;
    struct text found = path_of_other(major, minor, room);
    if (found.left == 0)
        return walked_elsewhere;
    path->bytes = room;
    path->length = found.left;
    path->is_number = true;
    return walked_ours;
}

// /dev/block, where the machine has none: the mount itself, which knows names by number as well.
APART static enum walked lead_to_numbers(struct path *path)
{
    int saved = errno;
    bool is_there = raw_exists("/dev/block");
    errno = saved;
    if (is_there)
        return walked_elsewhere;
    path->is_numbers = true;
    struct text nothing = {"", 0};
    return lead_below_mount(path, nothing) ? walked_ours : walked_nowhere;
}

// The names by number in /dev/block, which udev would have made. They are links.
APART enum walked lead_by_number(struct path *path, unsigned how, struct text number)
{
    unsigned major, minor;
    struct text rest = number;
    take_any(&rest, "/");
    if (rest.left == 0)
        return lead_to_numbers(path);
    if (!take_device_number(&number, &major, &minor))
        return walked_elsewhere;
    // Whoever removes or renames the link doesn't mean the device.
    if (how & itself && !(how & asks))
        return walked_elsewhere;
    if (major != mapped_major())
        return lead_to_other(path, major, minor);
    char name[16];
    struct writer writer = {name, name + sizeof name, false};
    put_device_file(&writer, "", minor);
    path->is_number = true;
    rest = (struct text){name, (size_t)(writer.at - name)};
    return lead_below_mount(path, rest) ? walked_ours : walked_nowhere;
}
