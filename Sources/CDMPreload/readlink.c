// Links that look like nodes, and links that look elsewhere than they lead.
#include "preload.h"

// MARK: By number

static struct text name_of(const struct path *path)
{
    const char *name = memrchr(path->bytes, '/', path->length);
    return (struct text){name, (size_t)(path->bytes + path->length - name)};
}

static const char up[] = "..";

ssize_t number_link_length(const struct path *path)
{
    return (ssize_t)(sizeof up - 1 + name_of(path).left);
}

// As udev makes it: ../NAME.
static ssize_t give_number_link(const struct path *path, char *target, size_t size)
{
    char link[300];
    struct stat status;
    struct text name = name_of(path);
    struct writer writer = {link, link + sizeof link, false};
    if (raw_stat(AT_FDCWD, path->bytes, &status, 0) != 0)
        return -1;
    put(&writer, up, sizeof up - 1);
    put(&writer, name.at, name.left);
    size_t length = (size_t)(writer.at - link), kept = length < size ? length : size;
    if (size == 0)
        return fail(EINVAL);
    return write_memory(target, link, kept) == 0 ? (ssize_t)kept : -1;
}

// MARK: Of procfs

// Whether a link is one of procfs's, which has the name that a file was opened by in the mount.
static bool is_of_proc(int directory, const char *path)
{
    struct stat status, proc;
    return raw_stat(directory, path, &status, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) == 0 &&
           raw_stat(AT_FDCWD, "/proc", &proc, 0) == 0 && status.st_dev == proc.st_dev;
}

// The length of a link that was read; /dev/dm-N for a device that a process has open.
APART static ssize_t as_device(
    int directory, const char *path, char *target, size_t size, ssize_t length)
{
    struct stat status;
    unsigned minor;
    if (!is_of_proc(directory, path) ||
        raw_stat(directory, path, &status, AT_EMPTY_PATH) != 0 || !S_ISREG(status.st_mode) ||
        node_of(status.st_dev, status.st_ino, &minor) != device_node)
        return length;
    char name[24];
    struct writer writer = {name, name + sizeof name, false};
    put_word(&writer, "/dev/dm-");
    put_number(&writer, minor);
    size_t whole = (size_t)(writer.at - name), kept = whole < size ? whole : size;
    memcpy(target, name, kept); // the kernel has just written there
    return (ssize_t)kept;
}

// MARK: Of the mapper directory

// -1 and EINVAL for a link that looks like a node.
APART static ssize_t unless_node(int directory, const char *path, ssize_t length)
{
    struct stat status;
    unsigned minor;
    if (raw_stat(directory, path, &status, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0)
        return length;
    enum node node = node_of(status.st_dev, status.st_ino, &minor);
    return node == link_node || node == control_link ? fail(EINVAL) : length;
}

static bool ends_with(struct text text, const char *end)
{
    size_t length = strlen(end);
    return text.left >= length && memcmp(text.at + text.left - length, end, length) == 0;
}

// What a link that was read looks like.
static ssize_t as_shown(
    int directory, const char *path, char *target, size_t size, ssize_t length)
{
    static const char device[] = "../dm-", control[] = "control", name[] = "/dm-";
    if (length <= 0 || !mount_directory())
        return length;
    struct text text = {target, (size_t)length}, rest = text;
    const char *last = memrchr(target, '/', text.left);
    int saved = errno;
    if (take(&rest, device) || ends_with(text, control)) {
        length = unless_node(directory, path, length);
    } else if (last && *target == '/') {
        rest = (struct text){last, (size_t)(target + length - last)};
        if (take(&rest, name))
            length = as_device(directory, path, target, size, length);
    }
    if (length >= 0)
        errno = saved;
    return length;
}

// MARK: The C library's names

static ssize_t answer(int directory, const struct path *meant, char *target, size_t size)
{
    if (meant->is_number)
        return give_number_link(meant, target, size);
    ssize_t length = sysfs_readlink(meant, target, size);
    if (length != 0)
        return length;
    length = directory == AT_FDCWD ? NEXT(readlink)(meant->bytes, target, size)
                                   : NEXT(readlinkat)(directory, meant->bytes, target, size);
    return as_shown(directory, meant->bytes, target, size, length);
}

EXPORTED ssize_t readlinkat(
    int directory, const char *restrict path, char *restrict target, size_t size)
{
    LEAD_AT(meant, directory, path, itself | asks, -1);
    return CALL_LED(
        meant, directory, itself | asks, -1, answer(directory, &meant, target, size));
}
EXPORTED ssize_t readlink(const char *restrict path, char *restrict target, size_t size)
{
    return readlinkat(AT_FDCWD, path, target, size);
}

// What a program calls that was compiled with _FORTIFY_SOURCE.
ssize_t __readlink_chk(const char *path, char *target, size_t size, size_t room);
EXPORTED ssize_t __readlink_chk(const char *path, char *target, size_t size, size_t room)
{
    if (size > room) // it ends the program with a message
        return NEXT(__readlink_chk)(path, target, size, room);
    return readlink(path, target, size);
}
ssize_t __readlinkat_chk(int directory, const char *path, char *target, size_t size, size_t room);
EXPORTED ssize_t __readlinkat_chk(
    int directory, const char *path, char *target, size_t size, size_t room)
{
    if (size > room)
        return NEXT(__readlinkat_chk)(directory, path, target, size, room);
    return readlinkat(directory, path, target, size);
}
