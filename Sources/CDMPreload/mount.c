// What the library was told of the mount, and which files are the mount's.
#include "preload.h"

static char directory[PATH_MAX]; // of the mount; empty: the library does nothing, or can't get there
static char reasons[PATH_MAX];
static bool is_used;
static size_t directory_length;
static unsigned major_number;
static dev_t mount_device; // its st_dev; 0: not known yet

// MARK: The environment

// The daemon must not meet itself: a mount that is made by a command of `dmfuse run`.
static bool is_daemon(int count, char **arguments)
{
    static const char name[] = "/dmfuse";
    __attribute__((cleanup(release))) struct path program;
    program.mapped = NULL;
    if (count < 2 || strcmp(arguments[1], "mount") != 0 || !room_for(&program, PATH_MAX))
        return false;
    long length = raw_readlink("/proc/self/exe", program.mapped, PATH_MAX);
    size_t own = sizeof name - 1;
    return length >= (long)own &&
           memcmp(program.mapped + (size_t)length - own, name, own) == 0;
}

__attribute__((constructor)) static void start(int count, char **arguments)
{
    const char *path = getenv("DMFUSE_DIR"), *number = getenv("DMFUSE_MAJOR");
    const char *file = getenv("DMFUSE_REASONS");
    if (!path || path[0] != '/' || is_daemon(count, arguments))
        return;
    if (number) {
        struct text text = {number, strlen(number)};
        take_number(&text, &major_number);
    }
    // Not the environment's own strings: the program may change its environment.
    directory_length = strlen(path);
    if (directory_length < sizeof directory)
        memcpy(directory, path, directory_length + 1);
    else // still not the machine's own device-mapper
        directory_length = PATH_MAX;
    if (file && strlen(file) < sizeof reasons)
        memcpy(reasons, file, strlen(file) + 1);
    remember_standard_error();
    is_used = true;
}

const char *mount_directory(void) { return is_used ? directory : NULL; }

size_t mount_directory_length(void) { return directory_length; }

const char *reasons_file(void) { return reasons[0] ? reasons : NULL; }

unsigned mapped_major(void) { return __atomic_load_n(&major_number, __ATOMIC_RELAXED); }

void set_mapped_major(unsigned major) { __atomic_store_n(&major_number, major, __ATOMIC_RELAXED); }

// MARK: The mount's file system

void find_mount_device(void)
{
    enum { root = 1 };
    int saved = errno;
    struct statx status;
    struct stat plain;
    dev_t found = 0;
    // Without asking the daemon, which may be gone or stopped.
    if (syscall(SYS_statx, AT_FDCWD, directory, AT_STATX_DONT_SYNC, STATX_INO, &status) == 0) {
        if (status.stx_ino == root)
            found = makedev(status.stx_dev_major, status.stx_dev_minor);
    } else if ((errno == ENOSYS || errno == EPERM) && // a filter of system calls
               raw_stat(AT_FDCWD, directory, &plain, 0) == 0 && plain.st_ino == root) {
        found = plain.st_dev;
    }
    __atomic_store_n(&mount_device, found, __ATOMIC_RELAXED);
    errno = saved;
}

// FUSE has no device of its own, so its major is 0.
static bool is_mount_device(dev_t device)
{
    if (!is_used || major(device) != 0)
        return false;
    if (__atomic_load_n(&mount_device, __ATOMIC_RELAXED) == 0)
        find_mount_device();
    return device == __atomic_load_n(&mount_device, __ATOMIC_RELAXED);
}

enum directory directory_of(dev_t device, ino_t inode)
{
    if ((inode != 1 && inode != 2) || !is_mount_device(device)) // NodeNumber.swift
        return no_directory;
    return inode == 1 ? mount_root : mapper_directory;
}

enum node node_of(dev_t device, ino_t inode, unsigned *minor)
{
    // Below 2^22 are no devices.
    if ((inode >> 22 == 0 && inode != 3) || !is_mount_device(device))
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
    bool found = is_used && raw_stat(fd, "", status, AT_EMPTY_PATH) == 0 &&
                 S_ISREG(status->st_mode) &&
                 node_of(status->st_dev, status->st_ino, &minor) == device_node;
    errno = saved;
    return found;
}

bool is_mapped(int at, const struct path *path, unsigned *minor)
{
    struct stat status;
    int saved = errno;
    bool is = mount_directory() && path->length > 0 && raw_stat(at, path->bytes, &status, 0) == 0;
    errno = saved;
    if (!is || !S_ISBLK(status.st_mode))
        return is && S_ISREG(status.st_mode) &&
               node_of(status.st_dev, status.st_ino, minor) == device_node;
    *minor = minor(status.st_rdev); // a node that somebody made
    return major(status.st_rdev) == mapped_major();
}
