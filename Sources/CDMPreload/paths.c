// Which paths are the mount's, and where they lead.
#include "preload.h"

// MARK: Room

void release(struct path *path)
{
    if (path->mapped)
        unmap(path->mapped, PATH_MAX);
    path->mapped = NULL;
}

char *room_for(struct path *path, size_t size)
{
    if (size <= sizeof path->own)
        return path->own;
    if (!path->mapped)
        path->mapped = map(PATH_MAX);
    return path->mapped;
}

// What the kernel answers with ENAMETOOLONG.
static const char too_long[PATH_MAX + 1] = {[0] = '/', [1 ... PATH_MAX - 1] = 'x'};

// Makes `made` a path of two parts. Each run of slashes in `rest` becomes one, so that what was a
// path stays one: the mount's directory is longer than /dev.
static bool compose(struct path *made, const char *front, size_t front_length, struct text rest)
{
    size_t size = front_length + rest.left + 1;
    if (size > PATH_MAX)
        size = PATH_MAX;
    char *room = room_for(made, size);
    if (!room)
        return false;
    struct writer writer = {room, room + size - 1, false};
    put(&writer, front, front_length);
    for (size_t i = 0; i < rest.left && !writer.is_full; i++) {
        char byte = rest.at[i];
        if (byte != '/' || writer.at == room || writer.at[-1] != '/')
            put(&writer, &byte, 1);
    }
    *writer.at = 0;
    made->bytes = writer.is_full ? too_long : room;
    made->length = writer.is_full ? 0 : (size_t)(writer.at - room);
    return true;
}

bool below_mount(const char *rest, struct path *made)
{
    made->mapped = NULL;
    return compose(
        made, mount_directory(), mount_directory_length(), (struct text){rest, strlen(rest)});
}

// MARK: Names

// Steps over a name in front, up to a slash or the end.
static bool take_name(struct text *text, const char *name)
{
    struct text rest = *text;
    do
        take_any(&rest, "/");
    while (take(&rest, "./"));
    if (!take(&rest, name) || (rest.left > 0 && *rest.at != '/'))
        return false;
    *text = rest;
    return true;
}

static bool is_device_file(struct text text)
{
    unsigned minor;
    do
        take_any(&text, "/");
    while (take(&text, "./"));
    return take(&text, "dm-") && take_number(&text, &minor) && text.left == 0;
}

// Steps over the mount's directory, up to a slash or the end.
static bool take_mount(struct text *text)
{
    size_t length = mount_directory_length();
    if (text->left < length || memcmp(text->at, mount_directory(), length) != 0 ||
        (text->left > length && text->at[length] != '/'))
        return false;
    text->at += length;
    text->left -= length;
    return true;
}

// What follows the mapper directory in a path, after `lead`; empty: nothing.
static struct text mapper_entry(const struct path *path)
{
    struct text rest = {path->bytes, path->length};
    if (!mount_directory() || !take_mount(&rest) || !take_name(&rest, "mapper"))
        return (struct text){NULL, 0};
    take_any(&rest, "/");
    return rest;
}

bool is_in_mapper(const struct path *path) { return mapper_entry(path).left > 0; }

// What libdevmapper writes as it is.
static bool is_plain(char byte)
{
    static const char plain[] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#+-.:=@_";
    return memchr(plain, byte, sizeof plain - 1) != NULL;
}

// libdevmapper creates devices under mangled names, and then uses their nodes by the names that it
// shows: what isn't there as it is written is meant mangled.
APART static bool spell(struct path *path)
{
    struct text name = mapper_entry(path);
    size_t odd = 0;
    for (size_t i = 0; i < name.left; i++) {
        if (name.at[i] == '/')
            return true;
        odd += !is_plain(name.at[i]);
    }
    size_t front = path->length - name.left, size = path->length + 3 * odd + 1;
    if (odd == 0 || size > PATH_MAX)
        return true;
    __attribute__((cleanup(release))) struct path mangled;
    mangled.mapped = NULL;
    char *room = room_for(&mangled, size);
    if (!room)
        return false;
    struct writer writer = {room, room + size - 1, false};
    put(&writer, path->bytes, front);
    for (size_t i = 0; i < name.left; i++) {
        char byte = name.at[i];
        if (is_plain(byte))
            put(&writer, &byte, 1);
        else
            put_mangled(&writer, byte);
    }
    *writer.at = 0;
    int saved = errno;
    struct stat status;
    bool is_meant = !writer.is_full &&
                    raw_stat(AT_FDCWD, path->bytes, &status, AT_SYMLINK_NOFOLLOW) != 0 &&
                    raw_stat(AT_FDCWD, room, &status, AT_SYMLINK_NOFOLLOW) == 0;
    errno = saved;
    if (!is_meant)
        return true;
    path->length = (size_t)(writer.at - room);
    if (mangled.mapped) {
        release(path);
        path->bytes = path->mapped = mangled.mapped;
        mangled.mapped = NULL;
    } else {
        path->bytes = memcpy(path->own, room, path->length + 1);
    }
    return true;
}

// MARK: By number

// Leads to the name in /dev of another device, if its number has no name: as the kernel's sysfs has
// it. kpartx finds an image's loop device so.
APART static bool lead_to_other(struct path *path, unsigned major, unsigned minor)
{
    static const char front[] = "/dev";
    char link[48];
    struct writer writer = {link, link + sizeof link - 1, false};
    put_word(&writer, "/sys/dev/block/");
    put_number(&writer, major);
    put(&writer, ":", 1);
    put_number(&writer, minor);
    *writer.at = 0;
    int saved = errno;
    bool is_named = raw_exists(path->bytes);
    errno = saved;
    if (is_named)
        return true;
    char *target = room_for(path, PATH_MAX);
    if (!target)
        return false;
    long length = raw_readlink(link, target, PATH_MAX - 1);
    errno = saved;
    const char *name = length > 0 ? memrchr(target, '/', (size_t)length) : NULL;
    if (!name)
        return true;
    size_t size = (size_t)(target + length - name);
    if (size + sizeof front > PATH_MAX)
        return true;
    memmove(target + sizeof front - 1, name, size);
    memcpy(target, front, sizeof front - 1);
    path->length = sizeof front - 1 + size;
    target[path->length] = 0;
    path->bytes = target;
    return true;
}

// The names by number in /dev/block, which udev would have made.
static bool lead_by_number(struct path *path, struct text number)
{
    unsigned major, minor;
    take_any(&number, "/");
    if (!take_number(&number, &major) || !take(&number, ":") || !take_number(&number, &minor) ||
        number.left > 0)
        return true;
    if (major != mapped_major())
        return lead_to_other(path, major, minor);
    char name[16];
    struct writer writer = {name, name + sizeof name, false};
    put_word(&writer, "/dm-");
    put_number(&writer, minor);
    struct text rest = {name, (size_t)(writer.at - name)};
    return compose(path, mount_directory(), mount_directory_length(), rest);
}

// MARK: lead

bool lead(const char *path, struct path *meant)
{
    meant->bytes = path;
    meant->length = 0;
    meant->mapped = NULL;
    if (!mount_directory())
        return true;
    meant->length = program_text(path);
    struct text text = {path, meant->length}, rest;
    if (text.left == 0 || *text.at != '/')
        return true;
    if (take_mount(&text)) {
        find_mount_device(); // it may have been mounted anew
        return spell(meant);
    }
    if (!take_name(&text, "dev"))
        return true;
    rest = text;
    if (take_name(&rest, "block"))
        return lead_by_number(meant, rest);
    if (!take_name(&rest, "mapper") && !is_device_file(text))
        return true;
    find_mount_device();
    return compose(meant, mount_directory(), mount_directory_length(), text) && spell(meant);
}

// Whether a file is the mount's control socket.
APART static bool is_own_socket(const struct stat *meant)
{
    __attribute__((cleanup(release))) struct path socket;
    struct stat ours;
    return below_mount("/mapper/control", &socket) &&
           raw_stat(AT_FDCWD, socket.bytes, &ours, 0) == 0 && meant->st_dev == ours.st_dev &&
           meant->st_ino == ours.st_ino;
}

bool is_control(int at, const struct path *path)
{
    static const char name[] = "control";
    const size_t own = sizeof name - 1;
    if (!mount_directory() || path->length < own ||
        memcmp(path->bytes + path->length - own, name, own) != 0 ||
        (path->length > own && path->bytes[path->length - own - 1] != '/'))
        return false;
    int saved = errno;
    struct stat meant;
    bool is = raw_stat(at, path->bytes, &meant, 0) == 0 && S_ISSOCK(meant.st_mode) &&
              is_own_socket(&meant);
    errno = saved;
    return is;
}
