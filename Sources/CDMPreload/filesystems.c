// What a mounted file system shows in /sys/fs/TYPE is named by its block device: by the loop device that
// stands for a mapped one. Programs ask by the mapped device's name: by dm-N, as the kernel has it, or by
// the last name of /dev/mapper/NAME, which they take to be no link to dm-N because udev made none.
#include "preload.h"

// Those that are named by their block device.
static bool take_type(struct text *path)
{
    static const char *const types[] = {"ext4", "xfs", "f2fs", "nilfs2", "erofs"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (take_name(path, types[i]))
            return true;
    return false;
}

// By the node below /dev/mapper.
APART static bool minor_of_node(struct text name, unsigned *minor)
{
    enum { longest = 128 };
    static const char mapper[] = "/mapper/";
    __attribute__((cleanup(release))) struct path node;
    char word[sizeof mapper + longest];
    struct stat status;
    node.mapped = NULL;
    if (name.left > longest)
        return false;
    struct writer writer = {word, word + sizeof word - 1, false};
    put_word(&writer, mapper);
    put(&writer, name.at, name.left);
    *writer.at = 0;
    return below_mount(word, &node) &&
           raw_stat(AT_FDCWD, node.bytes, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           node_of(status.st_dev, status.st_ino, minor) == link_node;
}

// `front` is the path up to the type.
APART static enum walked lead_to_loop(struct path *path, struct text front, struct text rest)
{
    struct text name = {rest.at, 0};
    for (; rest.left > 0 && *rest.at != '/'; rest.at++, rest.left--)
        name.left++;
    struct text number_of_name = name;
    unsigned minor, number;
    bool is_device = take(&number_of_name, "dm-") && take_number(&number_of_name, &minor) &&
                     number_of_name.left == 0;
    // What the kernel has there is meant, unless it is a mapped device by its name.
    if (!is_device && raw_exists(path->bytes))
        return walked_elsewhere;
    if ((!is_device && !minor_of_node(name, &minor)) || !loop_over(minor, &number))
        return walked_elsewhere;
    size_t size = front.left + sizeof "/loop4294967295" + rest.left;
    if (size > PATH_MAX)
        return walked_elsewhere;
    char *room = room_for(path, size);
    if (!room)
        return walked_nowhere;
    struct writer writer = {room, room + size - 1, false};
    put(&writer, front.at, front.left);
    put_word(&writer, "/loop");
    put_number(&writer, number);
    put(&writer, rest.at, rest.left);
    *writer.at = 0;
    path->bytes = room;
    path->length = (size_t)(writer.at - room);
    return walked_ours;
}

enum walked file_system_lead(struct path *path)
{
    struct text rest = {path->bytes, path->length};
    if (!take_name(&rest, "sys") || !take_name(&rest, "fs") || !take_type(&rest))
        return walked_elsewhere;
    struct text front = {path->bytes, path->length - rest.left};
    take_any(&rest, "/");
    if (rest.left == 0)
        return walked_elsewhere;
    int saved = errno;
    enum walked walked = lead_to_loop(path, front, rest);
    if (walked != walked_nowhere)
        errno = saved;
    return walked;
}
