// Which paths and files are the mount's.
#include "preload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *directory; // of the mount
static const char *reasons;
static size_t directory_length;
static unsigned major_number;
static dev_t mount_device; // its st_dev; 0: not known yet

// The daemon must not meet itself: a mount that is made by a command of `dmfuse run`.
static bool is_daemon(int count, char **arguments)
{
    char program[PATH_MAX];
    if (count < 2 || strcmp(arguments[1], "mount") != 0)
        return false;
    long length = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", program, sizeof program - 1);
    if (length < 7)
        return false;
    program[length] = 0;
    return strcmp(program + length - 7, "/dmfuse") == 0;
}

__attribute__((constructor)) static void start(int count, char **arguments)
{
    const char *path = getenv("DMFUSE_DIR"), *number = getenv("DMFUSE_MAJOR");
    if (!path || path[0] != '/' || strlen(path) >= PATH_MAX / 2 || is_daemon(count, arguments))
        return;
    major_number = number ? (unsigned)strtoul(number, NULL, 10) : 0;
    directory_length = strlen(path);
    // Not the environment's own strings: the program may change its environment.
    static char copy[PATH_MAX / 2], reasons_copy[PATH_MAX];
    directory = memcpy(copy, path, directory_length + 1);
    const char *file = getenv("DMFUSE_REASONS");
    if (file && strlen(file) < sizeof reasons_copy)
        reasons = strcpy(reasons_copy, file);
}

const char *mount_directory(void) { return directory; }

const char *reasons_file(void) { return reasons; }

unsigned mapped_major(void) { return __atomic_load_n(&major_number, __ATOMIC_RELAXED); }

void set_mapped_major(unsigned major) { __atomic_store_n(&major_number, major, __ATOMIC_RELAXED); }

// MARK: The mount's file system

// Asks without asking the daemon, which may be gone or stopped.
static void find_mount_device(void)
{
    int saved = errno;
    struct statx status;
    dev_t found = 0;
    if (syscall(SYS_statx, AT_FDCWD, directory, AT_STATX_DONT_SYNC, STATX_INO, &status) == 0 &&
        status.stx_ino == 1)
        found = makedev(status.stx_dev_major, status.stx_dev_minor);
    __atomic_store_n(&mount_device, found, __ATOMIC_RELAXED);
    errno = saved;
}

enum node node_of(dev_t device, ino_t inode, unsigned *minor)
{
    // FUSE has no device of its own, so its major is 0. Below 2^22 are no devices.
    if (!directory || major(device) != 0 || (inode >> 22 == 0 && inode != 3))
        return no_node;
    if (__atomic_load_n(&mount_device, __ATOMIC_RELAXED) == 0)
        find_mount_device();
    if (device != __atomic_load_n(&mount_device, __ATOMIC_RELAXED))
        return no_node;
    if (inode == 3)
        return control_link;
    *minor = inode & 0xfffff; // NodeNumber.swift
    switch ((inode >> 20) & 3) {
    case 0: return device_node;
    case 1: return link_node;
    default: return no_node;
    }
}

bool is_device(int fd, struct stat *status)
{
    unsigned minor;
    int saved = errno;
    bool found = directory && raw_stat(fd, "", status, AT_EMPTY_PATH) == 0 &&
                 S_ISREG(status->st_mode) &&
                 node_of(status->st_dev, status->st_ino, &minor) == device_node;
    errno = saved;
    return found;
}

// MARK: Paths

// The rest of a path behind a name in its front, at a slash or the end; NULL: another name.
static const char *behind(const char *path, const char *name)
{
    size_t length = strlen(name);
    while (path[0] == '/' || (path[0] == '.' && path[1] == '/'))
        path++;
    if (strncmp(path, name, length) != 0)
        return NULL;
    path += length;
    return *path == '/' || *path == 0 ? path : NULL;
}

static bool is_device_file(const char *path)
{
    while (path[0] == '/' || (path[0] == '.' && path[1] == '/'))
        path++;
    if (strncmp(path, "dm-", 3) != 0 || path[3] == 0)
        return false;
    return path[3 + strspn(path + 3, "0123456789")] == 0;
}

// The names by number in /dev/block, which udev would have made: of our devices, and of others where
// there is no udev. kpartx finds an image's loop device by them.
static const char *led_by_number(const char *path, const char *number, struct path *room)
{
    char link[64], target[PATH_MAX];
    char *colon, *end;
    unsigned major = (unsigned)strtoul(number + (*number == '/'), &colon, 10);
    unsigned minor = *colon == ':' ? (unsigned)strtoul(colon + 1, &end, 10) : 0;
    if (*colon != ':' || end == colon + 1 || *end != 0)
        return path;
    if (major == mapped_major()) {
        snprintf(room->bytes, sizeof room->bytes, "%s/dm-%u", directory, minor);
        return room->bytes;
    }
    int saved = errno;
    const char *meant = path;
    snprintf(link, sizeof link, "/sys/dev/block/%u:%u", major, minor);
    if (syscall(SYS_faccessat, AT_FDCWD, path, F_OK) != 0) {
        long length = syscall(SYS_readlinkat, AT_FDCWD, link, target, sizeof target - 1);
        target[length < 0 ? 0 : length] = 0;
        const char *name = strrchr(target, '/');
        if (name && snprintf(room->bytes, sizeof room->bytes, "/dev%s", name) < PATH_MAX)
            meant = room->bytes;
    }
    errno = saved;
    return meant;
}

// The rest of a path behind the mount, at a slash or the end; NULL: it is elsewhere.
static const char *inside(const char *path)
{
    if (!directory || !path || strncmp(path, directory, directory_length) != 0)
        return NULL;
    const char *rest = path + directory_length;
    return *rest == '/' || *rest == 0 ? rest : NULL;
}

// What follows the mapper directory in a path, after `led`; NULL: nothing.
static const char *mapper_entry(const char *path)
{
    const char *rest = inside(path);
    if (!rest || !(rest = behind(rest, "mapper")))
        return NULL;
    rest += strspn(rest, "/");
    return *rest ? rest : NULL;
}

// libdevmapper creates devices under mangled names, and then uses their nodes by the names that it
// shows: what isn't there as it is written is meant mangled.
static const char *spelled(const char *path, struct path *room)
{
    static const char plain[] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#+-.:=@_";
    const char *name = mapper_entry(path);
    if (!name || name[strspn(name, plain)] == 0 || strchr(name, '/'))
        return path;
    struct path mangled;
    size_t length = (size_t)(name - path);
    memcpy(mangled.bytes, path, length);
    for (; *name && length + sizeof "\\x00" < sizeof mangled.bytes; name++) {
        if (strchr(plain, *name))
            mangled.bytes[length++] = *name;
        else
            length += (size_t)sprintf(mangled.bytes + length, "\\x%02x", (unsigned char)*name);
    }
    mangled.bytes[length] = 0;
    int saved = errno;
    struct stat status;
    bool is_meant = *name == 0 && raw_stat(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) != 0 &&
                    raw_stat(AT_FDCWD, mangled.bytes, &status, AT_SYMLINK_NOFOLLOW) == 0;
    errno = saved;
    return is_meant ? memcpy(room->bytes, mangled.bytes, length + 1) : path;
}

const char *led(const char *path, struct path *room)
{
    if (!directory || !path || path[0] != '/')
        return path;
    if (inside(path)) {
        find_mount_device(); // it may have been mounted anew
        return spelled(path, room);
    }
    const char *rest = behind(path, "dev"), *number;
    if (!rest)
        return path;
    if ((number = behind(rest, "block")))
        return led_by_number(path, number, room);
    if (!behind(rest, "mapper") && !is_device_file(rest))
        return path;
    size_t length = strlen(rest);
    if (directory_length + length >= sizeof room->bytes)
        return path;
    find_mount_device();
    memcpy(room->bytes, directory, directory_length);
    memcpy(room->bytes + directory_length, rest, length + 1);
    return spelled(room->bytes, room);
}

bool is_in_mapper(const char *path) { return mapper_entry(path) != NULL; }

bool is_control(int at, const char *path)
{
    if (!directory || !path)
        return false;
    size_t length = strlen(path);
    if (length < 7 || strcmp(path + length - 7, "control") != 0 ||
        (length > 7 && path[length - 8] != '/'))
        return false;
    int saved = errno;
    struct path own;
    struct stat meant, ours;
    memcpy(own.bytes, directory, directory_length);
    strcpy(own.bytes + directory_length, "/mapper/control");
    bool is = raw_stat(at, path, &meant, 0) == 0 && raw_stat(AT_FDCWD, own.bytes, &ours, 0) == 0 &&
              S_ISSOCK(meant.st_mode) && meant.st_dev == ours.st_dev && meant.st_ino == ours.st_ino;
    errno = saved;
    return is;
}
