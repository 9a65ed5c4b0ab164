// The tables of mounts in /proc: where the kernel names a loop device that stands for a mapped device,
// programs read the mapped device's name, as they would where it is the kernel's. So findmnt, df and
// umount know it.
#include "preload.h"

#include <linux/dm-ioctl.h>

// MARK: Lines

// What is mounted: the first word in `mounts`; in `mountinfo` the second one behind a lone "-".
static struct text source_of(struct text line, bool is_info)
{
    while (is_info && line.left > 0 && !is_text(take_until(&line, ' '), "-")) {}
    if (is_info)
        take_until(&line, ' ');
    return take_until(&line, ' ');
}

// Whether a loop device is mounted there.
static bool is_loop(struct text source, unsigned *number)
{
    return take(&source, "/dev/loop") && take_number(&source, number) && source.left == 0;
}

int mounted_loop(uint64_t mount, unsigned *number)
{
    struct buffer buffer = {NULL, 0, 0};
    int from = raw_open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC), result = -1;
    if (from < 0)
        return -1;
    if (read_whole(from, &buffer) == 0) {
        struct text rest = {buffer.bytes, buffer.filled};
        while (rest.left > 0 && result != 0) {
            unsigned found;
            struct text line = take_until(&rest, '\n'), front = line;
            if (take_number(&front, &found) && found == mount &&
                is_loop(source_of(line, true), number))
                result = 0;
        }
    }
    raw_close(from);
    if (buffer.bytes)
        unmap(buffer.bytes, buffer.size);
    return result;
}

// MARK: Names

// The bytes that stand for others where a blank ends a word.
static void put_escaped(struct writer *writer, char byte)
{
    unsigned char value = (unsigned char)byte;
    if (strchr(" \t\n\\#", byte) && byte)
        put(writer, (char[]){'\\', (char)('0' + (value >> 6)), (char)('0' + (value >> 3 & 7)),
                             (char)('0' + (value & 7))}, 4);
    else
        put(writer, &byte, 1);
}

// /dev/mapper/NAME of a device, escaped; false if it has no name any more.
APART static bool put_name(struct writer *writer, unsigned minor)
{
    struct dm_ioctl status;
    int saved = errno;
    bool is_there = device_status(minor, &status);
    errno = saved;
    if (!is_there)
        return false;
    put_word(writer, "/dev/mapper/");
    size_t length = strnlen(status.name, sizeof status.name);
    for (size_t i = 0; i < length; i++)
        put_escaped(writer, status.name[i]);
    return true;
}

// How much longer a line can become.
enum { longest_name = 12 + 4 * DM_NAME_LEN, longest_number = 16 };

// How many lines may be about devices of ours.
static size_t count_loops(struct text rest, bool is_info)
{
    size_t count = 0;
    unsigned number;
    while (rest.left > 0)
        count += is_loop(source_of(take_until(&rest, '\n'), is_info), &number);
    return count;
}

// The line up to the source. The third word of `mountinfo` is the number of the file system's device:
// the loop device's, but for a btrfs.
static void put_front(struct writer *writer, struct text front, bool is_info, unsigned minor)
{
    struct text rest = front;
    if (is_info) {
        take_until(&rest, ' ');
        take_until(&rest, ' ');
        put(writer, front.at, (size_t)(rest.at - front.at));
        if (take(&rest, "7:")) {
            put_number(writer, mapped_major());
            put(writer, ":", 1);
            put_number(writer, minor);
            put(writer, " ", 1);
            take_until(&rest, ' ');
        }
    }
    put(writer, rest.at, rest.left);
}

// The table with our names. Whether there are any.
static bool translate(struct text rest, bool is_info, struct writer *writer)
{
    bool is_any = false;
    while (rest.left > 0) {
        const char *begin = rest.at;
        struct text source = source_of(take_until(&rest, '\n'), is_info);
        unsigned number, minor;
        if (!is_loop(source, &number) || !loop_device(number, &minor)) {
            put(writer, begin, (size_t)(rest.at - begin));
            continue;
        }
        char *line = writer->at;
        put_front(writer, (struct text){begin, (size_t)(source.at - begin)}, is_info, minor);
        if (put_name(writer, minor)) {
            is_any = true;
            put(writer, source.at + source.left, (size_t)(rest.at - source.at) - source.left);
        } else { // it can't be told
            writer->at = line;
            put(writer, begin, (size_t)(rest.at - begin));
        }
    }
    return is_any && !writer->is_full;
}

// MARK: Opening

// Which of the two tables a path is, if any.
static bool is_table(struct text path, bool *is_info)
{
    unsigned number;
    *is_info = false;
    if (is_text(path, "/etc/mtab"))
        return true;
    if (!take(&path, "/proc/"))
        return false;
    if (is_text(path, "mounts"))
        return true;
    if (!take(&path, "self") && !take(&path, "thread-self") && !take_number(&path, &number))
        return false;
    if (take(&path, "/task/") && !take_number(&path, &number))
        return false;
    *is_info = is_text(path, "/mountinfo");
    return *is_info || is_text(path, "/mounts");
}

// As `mounts_open`, with the kernel's table.
APART static bool give_table(int from, bool is_info, int flags, int *fd)
{
    struct buffer buffer = {NULL, 0, 0};
    bool is_ours = false;
    if (read_whole(from, &buffer) == 0) {
        struct text all = {buffer.bytes, buffer.filled};
        size_t loops = count_loops(all, is_info), size = all.left + loops * (longest_name + longest_number);
        char *room = loops > 0 ? map(size) : NULL;
        struct writer writer = {room, room + size, false};
        if (room && translate(all, is_info, &writer)) {
            struct text text = {room, (size_t)(writer.at - room)};
            *fd = text_open(&text, 1, flags);
            is_ours = true;
        }
        if (room)
            unmap(room, size);
    }
    if (buffer.bytes)
        unmap(buffer.bytes, buffer.size);
    return is_ours;
}

bool mounts_open(const struct path *path, int flags, int *fd)
{
    bool is_info;
    struct text text = {path->bytes, path->length};
    if (!is_table(text, &is_info))
        return false;
    int saved = errno, from = raw_open(path->bytes, O_RDONLY | O_CLOEXEC);
    errno = saved;
    if (from < 0)
        return false;
    bool is_ours = give_table(from, is_info, flags, fd);
    raw_close(from);
    if (!is_ours || *fd >= 0)
        errno = saved;
    return is_ours;
}
