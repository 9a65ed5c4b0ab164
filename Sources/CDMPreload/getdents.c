// getdents64, where a directory shows what the kernel doesn't have there. Nothing is remembered: from
// `position_in_mount` on, the position of the descriptor is that in the mount's directory.
#include "preload.h"

#include <dirent.h>

// Records of directory entries, one after the other.
struct records {
    char *at;
    size_t left;
};
static struct dirent64 *take_record(struct records *records)
{
    struct dirent64 *record = (struct dirent64 *)(void *)records->at;
    enum { least = 24 };
    if (records->left < least || record->d_reclen < least || record->d_reclen > records->left)
        return NULL;
    records->at += record->d_reclen;
    records->left -= record->d_reclen;
    return record;
}

static struct text name_of(const struct dirent64 *record)
{
    return (struct text){record->d_name, strlen(record->d_name)};
}

APART static void set_types(const struct listing *listing, struct records records)
{
    char room[256];
    struct dirent64 *record;
    while ((record = take_record(&records))) {
        struct writer name = {room, room + sizeof room, false};
        listing->shows(name_of(record), &name, &record->d_type);
    }
}

// Takes hidden entries out; how many bytes are left.
static size_t hide(const struct listing *listing, struct records records)
{
    char *to = records.at, *first = to;
    struct dirent64 *record;
    while ((record = take_record(&records))) {
        size_t size = record->d_reclen;
        if (listing->hides(name_of(record)))
            continue;
        memmove(to, record, size);
        to += size;
    }
    return (size_t)(to - first);
}

// Writes what is shown of the mount's records, and sets the position behind them. The names may be
// longer: `room` is where they are made, before the records that they are made of.
APART static size_t show(
    const struct listing *listing, struct records records, char *room, long *position)
{
    char *to = room;
    struct dirent64 *record;
    while ((record = take_record(&records))) {
        char name[256];
        unsigned char type = record->d_type;
        struct writer writer = {name, name + sizeof name - 1, false};
        *position = record->d_off | position_in_mount;
        if (!listing->shows(name_of(record), &writer, &type) || writer.is_full)
            continue;
        size_t front = (size_t)((char *)record->d_name - (char *)record);
        size_t length = (size_t)(writer.at - name), size = (front + length + 1 + 7) & ~(size_t)7;
        if (size > (size_t)(records.at - to)) // a name is never so much longer than the mount's
            break;
        struct dirent64 *made = memmove(to, record, front);
        memset(to + front, 0, size - front);
        memcpy(to + front, name, length);
        made->d_off = *position;
        made->d_reclen = (unsigned short)size;
        made->d_type = type;
        to += size;
    }
    return (size_t)(to - room);
}

// From the mount's directory: as getdents64.
APART static ssize_t read_mount(
    int fd, const struct listing *listing, long position, char *buffer, size_t size)
{
    __attribute__((cleanup(release))) struct path path;
    int saved = errno, more = listing_rest(listing, fd, &path)
                                  ? raw_open(path.bytes, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (more < 0) { // then there is no more than the kernel has
        errno = saved;
        return 0;
    }
    size_t half = size / 2 & ~(size_t)7, shown = 0;
    long count;
    syscall(SYS_lseek, more, position & ~position_in_mount, SEEK_SET);
    while ((count = syscall(SYS_getdents64, more, buffer + half, size - half)) > 0 && shown == 0) {
        shown = show(listing, (struct records){buffer + half, (size_t)count}, buffer, &position);
        if (shown > 0)
            break;
    }
    raw_close(more);
    syscall(SYS_lseek, fd, position, SEEK_SET);
    return count < 0 ? -1 : (ssize_t)shown;
}

EXPORTED ssize_t getdents64(int fd, void *buffer, size_t size)
{
    const struct listing *listing = listing_of(fd);
    if (!listing || listing->is_of_streams)
        return NEXT(getdents64)(fd, buffer, size);
    if (size > INT_MAX)
        size = INT_MAX;
    long position = syscall(SYS_lseek, fd, 0L, SEEK_CUR), count;
    while (position >= 0 && position < position_in_mount) {
        count = syscall(SYS_getdents64, fd, buffer, size);
        struct records records = {buffer, count > 0 ? (size_t)count : 0};
        if (count <= 0 && (count < 0 || !listing->machine))
            return count;
        if (!listing->machine) {
            set_types(listing, records);
            return count;
        }
        if (count == 0)
            position = position_in_mount;
        else if ((count = (long)hide(listing, records)) > 0)
            return count;
    }
    return position < 0 ? -1 : read_mount(fd, listing, position, buffer, size);
}
