// Files of /proc: /proc/devices, in which libdevmapper looks for a block major named device-mapper, and
// /proc/partitions and /proc/diskstats, whose lines the mount has in DIR/proc.
#include "preload.h"

#include <sys/mman.h>

int text_open(const struct text *parts, size_t count, int flags)
{
    int fd = (int)syscall(SYS_memfd_create, "text", flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
    if (fd < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct text left = parts[i];
        while (left.left > 0) {
            long written = raw_write(fd, left.at, left.left);
            if (written < 0 && errno == EINTR)
                continue;
            if (written <= 0) { // EFBIG: the program's limit of a file's size
                raw_close(fd);
                return -1;
            }
            left.at += written;
            left.left -= (size_t)written;
        }
    }
    syscall(SYS_lseek, fd, 0L, SEEK_SET);
    return fd;
}

// MARK: The kernel's text

int read_whole(int fd, struct buffer *buffer)
{
    enum { first = 16 << 10, greatest = 16 << 20 };
    for (;;) {
        if (buffer->filled == buffer->size) {
            size_t size = buffer->size ? 2 * buffer->size : first;
            char *grown = size <= greatest ? map(size) : (errno = EFBIG, NULL);
            if (!grown)
                return -1;
            if (buffer->bytes) {
                memcpy(grown, buffer->bytes, buffer->filled);
                unmap(buffer->bytes, buffer->size);
            }
            buffer->bytes = grown;
            buffer->size = size;
        }
        long count = syscall(
            SYS_read, fd, buffer->bytes + buffer->filled, buffer->size - buffer->filled);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return (int)count;
        buffer->filled += (size_t)count;
    }
}

// The place of our line among the block majors.
static size_t place(struct text all)
{
    bool is_block = false;
    struct text rest = all, behind = all;
    while (rest.left > 0) {
        struct text line = take_until(&behind, '\n');
        if (is_block) {
            unsigned major;
            struct text number = line;
            take_any(&number, " \t");
            if (take_number(&number, &major) && major >= mapped_major())
                break;
        }
        is_block = is_block || is_text(line, "Block devices:");
        rest = behind;
    }
    return all.left - rest.left;
}

int proc_devices_open(int flags)
{
    struct buffer buffer = {NULL, 0, 0};
    int from = raw_open("/proc/devices", O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return -1;
    int saved = errno, result = read_whole(from, &buffer);
    raw_close(from);
    if (result == 0) {
        struct text all = {buffer.bytes, buffer.filled};
        size_t front = place(all);
        char line[32];
        struct writer writer = {line, line + sizeof line, false};
        for (unsigned least = 100; mapped_major() < least && least > 1; least /= 10)
            put(&writer, " ", 1); // three digits wide
        put_number(&writer, mapped_major());
        put_word(&writer, " device-mapper\n");
        struct text parts[] = {
            {all.at, front}, {line, (size_t)(writer.at - line)},
            {all.at + front, all.left - front}};
        errno = saved;
        result = text_open(parts, sizeof parts / sizeof parts[0], flags);
    }
    if (buffer.bytes)
        unmap(buffer.bytes, buffer.size);
    return result;
}

// MARK: What the mount has the lines of

// The whole of what is there; the buffer is to be unmapped. -1 and errno.
static int read_file(const char *path, struct buffer *buffer)
{
    int from = raw_open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return -1;
    int result = read_whole(from, buffer);
    raw_close(from);
    return result;
}

// The kernel's file, and ours behind it. `path` is both: below the mount as well.
APART static int open_longer(const char *path, int flags)
{
    __attribute__((cleanup(release))) struct path ours;
    struct buffer kernels = {NULL, 0, 0}, more = {NULL, 0, 0};
    int saved = errno, result = read_file(path, &kernels);
    // What the mount doesn't tell isn't there.
    if (result == 0 && below_mount(path, &ours))
        read_file(ours.bytes, &more);
    if (result == 0) {
        struct text parts[] = {{kernels.bytes, kernels.filled}, {more.bytes, more.filled}};
        errno = saved;
        result = text_open(parts, sizeof parts / sizeof parts[0], flags);
    }
    if (kernels.bytes)
        unmap(kernels.bytes, kernels.size);
    if (more.bytes)
        unmap(more.bytes, more.size);
    return result;
}

bool proc_open(const struct path *path, int flags, int *fd)
{
    struct text text = {path->bytes, path->length};
    if (is_text(text, "/proc/devices"))
        *fd = proc_devices_open(flags);
    else if (is_text(text, "/proc/partitions") || is_text(text, "/proc/diskstats"))
        *fd = open_longer(path->bytes, flags);
    else
        return false;
    return true;
}
