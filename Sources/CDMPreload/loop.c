// Loop devices that stand for mapped devices where the kernel itself wants a block device, as mount(2)
// does.
//
// One that the library attaches is told from all others by its size limit: the greatest there is, which
// limits nothing, and which /sys shows to everybody. A device has one such loop device at most, so that a
// second mount finds the super block of the first.
#include "preload.h"

#include <linux/fs.h>
#include <linux/loop.h>
#include <time.h>

#define MARK INT64_MAX
static const char marked[] = "9223372036854775807\n"; // as /sys writes it

struct name {
    char bytes[64];
};

// FRONT, the number, BACK.
static struct name name_of(const char *front, unsigned number, const char *back)
{
    struct name name;
    struct writer writer = {name.bytes, name.bytes + sizeof name.bytes - 1, false};
    put_word(&writer, front);
    put_number(&writer, number);
    put_word(&writer, back);
    *writer.at = 0;
    return name;
}

// What a file of /sys says; the length, or -1.
static long read_file(const struct name *name, char *bytes, size_t size)
{
    int fd = raw_open(name->bytes, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    long count = syscall(SYS_read, fd, bytes, size);
    raw_close(fd);
    return count;
}

static bool is_marked(unsigned number)
{
    struct name name = name_of("/sys/block/loop", number, "/loop/sizelimit");
    char bytes[32];
    long count = read_file(&name, bytes, sizeof bytes);
    return count > 0 && is_text((struct text){bytes, (size_t)count}, marked);
}

// Where the mount is, as the kernel writes it: what the program was told may lead over links. The
// length; 0: not known.
static size_t canonical_mount(char *path, size_t size)
{
    int fd = raw_open(mount_directory(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    struct name name = name_of("/proc/self/fd/", (unsigned)fd, "");
    long length = raw_readlink(name.bytes, path, size);
    raw_close(fd);
    return length > 0 && (size_t)length < size ? (size_t)length : 0;
}

// Whether what a loop device stands on, by its path, is a device of the mount.
APART static bool is_on_mount(unsigned number, unsigned *minor)
{
    enum { size = PATH_MAX };
    char *pages = map(2 * size); // its file, and the mount
    if (!pages)
        return false;
    struct name name = name_of("/sys/block/loop", number, "/loop/backing_file");
    long count = read_file(&name, pages, size);
    size_t length = canonical_mount(pages + size, size);
    struct text file = {pages, count > 0 ? (size_t)count : 0};
    bool is = length > 0 && file.left > length && memcmp(file.at, pages + size, length) == 0;
    if (is) {
        file.at += length;
        file.left -= length;
        is = take(&file, "/dm-") && take_number(&file, minor) && is_text(file, "\n");
    }
    unmap(pages, 2 * size);
    return is;
}

bool loop_device(unsigned number, unsigned *minor)
{
    int saved = errno;
    bool is = mount_directory() && is_marked(number) && is_on_mount(number, minor);
    errno = saved;
    return is;
}

// Milliseconds; it turns over within five hours.
static unsigned now(void)
{
    struct timespec time = {0, 0};
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC_COARSE, &time);
    return (unsigned)((uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000) & 0xffffff;
}

void see_through(dev_t *device)
{
    enum { moment = 100, bits = 20, low = (1 << bits) - 1 }; // Linux has minors of 20 bits
    // What was found last: when, and which loop device stands for which device plus one, or for none.
    static uint64_t last;
    if (major(*device) != loop_major || !mount_directory())
        return;
    unsigned found, number = minor(*device) & low, time = now();
    uint64_t known = __atomic_load_n(&last, __ATOMIC_RELAXED);
    if (known == 0 || (known >> bits & low) != number ||
        ((time - (unsigned)(known >> 2 * bits)) & 0xffffff) > moment) {
        unsigned is = loop_device(number, &found) ? (found & low) + 1 : 0;
        known = (uint64_t)time << 2 * bits | (uint64_t)number << bits | (is & low);
        __atomic_store_n(&last, known, __ATOMIC_RELAXED);
    }
    if (known & low)
        *device = makedev(mapped_major(), (known & low) - 1);
}

// MARK: All of ours

struct entry {
    uint64_t inode, offset;
    uint16_t size;
    uint8_t type;
    char name[];
} __attribute__((packed));

// Hands out all that are marked, until one is wanted: whether one was.
APART static bool find_marked(bool (*is_wanted)(unsigned number, void *context), void *context)
{
    enum { page = 4096 };
    bool is_found = false;
    int fd = raw_open("/sys/block", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *entries = fd < 0 ? NULL : map(page);
    long count;
    while (entries && !is_found && (count = syscall(SYS_getdents64, fd, entries, page)) > 0) {
        for (long at = 0; at < count && !is_found;) {
            const struct entry *entry = (const void *)(entries + at);
            struct text name = {entry->name, strlen(entry->name)};
            unsigned number;
            at += entry->size;
            is_found = take(&name, "loop") && take_number(&name, &number) && name.left == 0 &&
                       is_marked(number) && is_wanted(number, context);
        }
    }
    if (entries)
        unmap(entries, page);
    if (fd >= 0)
        raw_close(fd);
    return is_found;
}

struct over {
    unsigned minor, number;
};

static bool is_over_minor(unsigned number, void *context)
{
    struct over *over = context;
    unsigned minor;
    over->number = number;
    return is_on_mount(number, &minor) && minor == over->minor;
}

bool loop_over(unsigned minor, unsigned *number)
{
    struct over over = {minor, 0};
    int saved = errno;
    bool is = find_marked(is_over_minor, &over);
    errno = saved;
    *number = over.number;
    return is;
}

bool is_stood_for(unsigned minor)
{
    unsigned number;
    return loop_over(minor, &number);
}

static int open_loop(unsigned number)
{
    struct name name = name_of("/dev/loop", number, "");
    return raw_open(name.bytes, O_RDWR | O_CLOEXEC);
}

static bool take_new_size(unsigned number, void *context)
{
    (void)context;
    unsigned minor;
    int fd = is_on_mount(number, &minor) ? open_loop(number) : -1;
    if (fd >= 0) {
        syscall(SYS_ioctl, fd, LOOP_SET_CAPACITY, 0L);
        raw_close(fd);
    }
    return false;
}

void loops_take_new_sizes(void)
{
    int saved = errno;
    find_marked(take_new_size, NULL);
    errno = saved;
}

// MARK: Attaching

// A device's file, and the loop device over it.
struct attachment {
    int file, loop;
    struct stat status;
    unsigned number;
};

// As the kernel keeps it.
static uint64_t encode(dev_t device)
{
    return (minor(device) & 0xff) | (uint64_t)major(device) << 8 |
           (uint64_t)(minor(device) & ~0xffU) << 12;
}

// Whether what a loop device stands on may be a device's file, by the name that ends its path and by the file
// system that the path leads to now. Without asking the loop device, which asks the daemon of whatever mount it
// is over: that may be stopped.
APART static bool may_be_over(unsigned number, const struct stat *device)
{
    char *path = map(PATH_MAX);
    if (!path)
        return true;
    unsigned minor, wanted;
    struct name name = name_of("/sys/block/loop", number, "/loop/backing_file");
    long count = read_file(&name, path, PATH_MAX - 1);
    path[count > 0 ? count : 0] = 0;
    char *slash = strrchr(path, '/');
    struct text last = {slash, slash ? strlen(slash) : 0};
    bool may_be = slash && node_of(device->st_dev, device->st_ino, &wanted) == device_node &&
                  take(&last, "/dm-") && take_number(&last, &minor) && is_text(last, "\n") && minor == wanted;
    struct statx status;
    if (may_be) {
        slash[slash == path] = 0; // "/" stays
        if (syscall(SYS_statx, AT_FDCWD, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &status) == 0)
            may_be = makedev(status.stx_dev_major, status.stx_dev_minor) == device->st_dev;
    }
    unmap(path, PATH_MAX);
    return may_be;
}

static bool is_over_file(unsigned number, void *context)
{
    struct attachment *attachment = context;
    struct loop_info64 info;
    int fd = may_be_over(number, &attachment->status) ? open_loop(number) : -1;
    if (fd < 0)
        return false;
    if (syscall(SYS_ioctl, fd, LOOP_GET_STATUS64, &info) != 0 || info.lo_sizelimit != MARK ||
        !(info.lo_flags & LO_FLAGS_AUTOCLEAR) || info.lo_inode != attachment->status.st_ino ||
        info.lo_device != encode(attachment->status.st_dev)) {
        raw_close(fd);
        return false;
    }
    attachment->loop = fd;
    attachment->number = number;
    return true;
}

// Whoever mounts the same device meanwhile waits. The lock ends with its descriptor.
static int lock(int control, const struct stat *status)
{
    struct flock range = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1,
        .l_start = (off_t)((uint64_t)minor(status->st_dev) << 32 | (status->st_ino & UINT32_MAX))};
    long result;
    do
        result = syscall(SYS_fcntl, control, F_OFD_SETLKW, &range);
    while (result != 0 && errno == EINTR);
    return (int)result;
}

static int configure(struct attachment *attachment, struct text name)
{
    int block = 512, is_read_only = 0;
    struct loop_config config;
    memset(&config, 0, sizeof config);
    if (block_ioctl(attachment->file, &attachment->status, BLKSSZGET, &block) != 0 ||
        block_ioctl(attachment->file, &attachment->status, BLKROGET, &is_read_only) != 0)
        return -1;
    config.fd = (uint32_t)attachment->file;
    config.block_size = (uint32_t)block;
    config.info.lo_sizelimit = MARK;
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO |
                           (is_read_only ? LO_FLAGS_READ_ONLY : 0);
    const size_t most = sizeof config.info.lo_file_name - 1;
    memcpy(config.info.lo_file_name, name.at, name.left < most ? name.left : most);
    return (int)syscall(SYS_ioctl, attachment->loop, LOOP_CONFIGURE, &config);
}

// The number that is free is another's now and then, before it is ours.
static int attach_new(struct attachment *attachment, int control, struct text name)
{
    for (int tries = 0; tries < 1000; tries++) {
        long number = syscall(SYS_ioctl, control, LOOP_CTL_GET_FREE);
        if (number < 0)
            return -1;
        attachment->number = (unsigned)number;
        attachment->loop = open_loop(attachment->number);
        if (attachment->loop < 0)
            return fail(errno == ENOENT || errno == ENXIO ? ENODEV : errno);
        if (configure(attachment, name) == 0)
            return 0;
        raw_close(attachment->loop);
        if (errno != EBUSY)
            return -1;
    }
    return -1;
}

static int open_device(const char *device)
{
    int fd = raw_open(device, O_RDWR | O_CLOEXEC);
    return fd >= 0 || (errno != EACCES && errno != EPERM && errno != EROFS)
               ? fd : raw_open(device, O_RDONLY | O_CLOEXEC);
}

// As `loop_attach`, with an open file.
static int attach(struct attachment *attachment, struct text name)
{
    if (!is_device(attachment->file, &attachment->status))
        return fail(ENXIO); // it went meanwhile
    if (!raw_exists("/sys/block"))
        return fail(ENODEV); // whether there is one already can't be seen
    int control = raw_open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0)
        return fail(errno == ENOENT || errno == ENXIO ? ENODEV : errno);
    int result = lock(control, &attachment->status);
    if (result == 0 && !find_marked(is_over_file, attachment))
        result = attach_new(attachment, control, name);
    raw_close(control);
    return result;
}

APART int loop_attach(const char *device, struct text name, unsigned *number)
{
    int saved = errno;
    struct attachment attachment = {.file = open_device(device), .loop = -1};
    if (attachment.file < 0)
        return -1;
    int result = attach(&attachment, name);
    raw_close(attachment.file);
    if (result != 0)
        return -1;
    errno = saved;
    *number = attachment.number;
    return attachment.loop;
}

struct loop_path loop_path(unsigned number)
{
    struct loop_path path;
    struct name name = name_of("/dev/loop", number, "");
    memcpy(path.bytes, name.bytes, sizeof path.bytes);
    path.bytes[sizeof path.bytes - 1] = 0;
    return path;
}
