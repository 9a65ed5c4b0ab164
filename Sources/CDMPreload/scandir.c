// scandir and its kin, which the C library does by calls of its own: for the directories that show what
// the kernel doesn't have there, it is done here.
#include "preload.h"

#include <dirent.h>

typedef int wanted_type(const struct dirent *);
typedef int order_type(const struct dirent **, const struct dirent **);

// Whether a directory is one of those.
APART static bool is_listed(int directory, const char *path)
{
    struct stat status;
    int saved = errno;
    bool is = false;
    if (mount_directory() && raw_stat(directory, path, &status, 0) == 0 && // what is usual
        S_ISDIR(status.st_mode) && major(status.st_dev) == 0) {
        int fd = (int)syscall(
            SYS_openat, directory, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
        is = fd >= 0 && listing_of(fd);
        if (fd >= 0)
            raw_close(fd);
    }
    errno = saved;
    return is;
}

struct list {
    struct dirent **entries;
    size_t count, room;
};

static bool add(struct list *list, const struct dirent *entry)
{
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 16;
        struct dirent **grown = realloc(list->entries, room * sizeof *grown);
        if (!grown)
            return false;
        list->entries = grown;
        list->room = room;
    }
    size_t front = (size_t)((const char *)entry->d_name - (const char *)entry);
    size_t size = front + strlen(entry->d_name) + 1;
    struct dirent *copy = malloc(size);
    if (!copy)
        return false;
    list->entries[list->count++] = memcpy(copy, entry, size);
    return true;
}

static int scan(
    int directory, const struct path *path, struct dirent ***entries, wanted_type *wanted,
    order_type *order)
{
    int fd = (int)syscall(
        SYS_openat, directory, path->bytes, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC, 0);
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    if (!stream) {
        if (fd >= 0)
            raw_close(fd);
        return -1;
    }
    if (path->is_numbers)
        remember_stream(stream, true);
    struct list list = {NULL, 0, 0};
    struct dirent *entry;
    int saved = errno, error = 0;
    while (errno = 0, (entry = readdir(stream))) {
        if ((!wanted || wanted(entry)) && !add(&list, entry)) {
            errno = ENOMEM;
            break;
        }
    }
    error = errno;
    closedir(stream);
    if (error != 0) {
        while (list.count > 0)
            free(list.entries[--list.count]);
        free(list.entries);
        errno = error;
        return -1;
    }
    errno = saved;
    if (order && list.count > 0)
        qsort(list.entries, list.count, sizeof *list.entries,
              (int (*)(const void *, const void *))order);
    *entries = list.entries;
    return (int)list.count;
}

#define SCANDIR(name, entry, at, first, arguments)                                                 \
    EXPORTED int name(                                                                             \
        first const char *restrict path, struct entry ***restrict entries,                         \
        int (*wanted)(const struct entry *),                                                       \
        int (*order)(const struct entry **, const struct entry **))                                \
    {                                                                                              \
        LEAD_AT(meant, at, path, 0, -1);                                                           \
        return CALL_LED(                                                                           \
            meant, at, 0, -1,                                                                      \
            is_listed(at, meant.bytes)                                                             \
                ? scan(at, &meant, (struct dirent ***)entries, (wanted_type *)wanted,              \
                       (order_type *)order)                                                        \
                : NEXT(name) arguments);                                                           \
    }
SCANDIR(scandir, dirent, AT_FDCWD, , (meant.bytes, entries, wanted, order))
SCANDIR(scandir64, dirent64, AT_FDCWD, , (meant.bytes, entries, wanted, order))
#define AT int directory,
SCANDIR(scandirat, dirent, directory, AT, (directory, meant.bytes, entries, wanted, order))
SCANDIR(scandirat64, dirent64, directory, AT, (directory, meant.bytes, entries, wanted, order))
