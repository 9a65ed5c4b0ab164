// Reading directories by `readdir` and its kin, where they show what the kernel doesn't have there.
//
// Such a stream is remembered in a small table, without a lock: a stream is one thread's at a time, as
// POSIX has it, and an entry of the table goes with its stream. While none is open, which is usual, a
// call that isn't ours costs one comparison. Where the table is full, a directory shows what the kernel
// has.
#include "preload.h"

#include <dirent.h>

// On 64-bit machines both structures are one.
_Static_assert(sizeof(struct dirent) == sizeof(struct dirent64), "a 64-bit machine");
// What only old programs use.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

struct opened {
    DIR *stream; // NULL: free. Atomic; the rest is the stream's thread's
    const struct listing *listing;
    bool is_past; // all that the kernel has there was read
    DIR *more;    // the mount's directory, from then on; or NULL
    struct dirent entry; // what is shown of it, until the next call
};
enum { most = 64 };
static struct opened table[most];
static int opened_count;
static char being_made; // stands for a stream until all else is there

// MARK: The table

static struct opened *find_opened(DIR *stream)
{
    // dirent.h promises the compiler that it isn't NULL, which stands for a free entry; a program may not
    // keep that.
    __asm__("" : "+r"(stream));
    if (!stream || __atomic_load_n(&opened_count, __ATOMIC_RELAXED) == 0)
        return NULL;
    for (struct opened *opened = table; opened < table + most; opened++) {
        if (__atomic_load_n(&opened->stream, __ATOMIC_ACQUIRE) == stream)
            return opened;
    }
    return NULL;
}

static void close_more(struct opened *opened)
{
    int saved = errno;
    if (opened->more)
        NEXT(closedir)(opened->more);
    opened->more = NULL;
    errno = saved;
}

static void forget(DIR *stream)
{
    struct opened *opened = find_opened(stream);
    if (!opened)
        return;
    close_more(opened);
    __atomic_store_n(&opened->stream, NULL, __ATOMIC_RELEASE);
    __atomic_fetch_sub(&opened_count, 1, __ATOMIC_RELAXED);
}

DIR *remember_stream(DIR *stream, bool is_numbers)
{
    if (!stream || !mount_directory())
        return stream;
    forget(stream); // one that was closed behind our back
    const struct listing *listing =
        is_numbers ? &listing_of_numbers : listing_of(dirfd(stream));
    if (!listing)
        return stream;
    for (struct opened *opened = table; opened < table + most; opened++) {
        DIR *none = NULL;
        if (!__atomic_compare_exchange_n(&opened->stream, &none, (DIR *)(void *)&being_made, false,
                                         __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            continue;
        opened->listing = listing;
        opened->is_past = false;
        opened->more = NULL;
        __atomic_store_n(&opened->stream, stream, __ATOMIC_RELEASE);
        __atomic_fetch_add(&opened_count, 1, __ATOMIC_RELAXED);
        break;
    }
    return stream;
}

// MARK: Entries

static struct text name_of(const struct dirent *entry)
{
    return (struct text){entry->d_name, strlen(entry->d_name)};
}

// The mount's directory; NULL: it can't be read.
static DIR *open_more(struct opened *opened)
{
    if (opened->more)
        return opened->more;
    __attribute__((cleanup(release))) struct path path;
    int saved = errno;
    if (listing_rest(opened->listing, dirfd(opened->stream), &path))
        opened->more = NEXT(opendir)(path.bytes);
    errno = saved;
    return opened->more;
}

// The next that the kernel has; NULL and errno as `readdir`.
static struct dirent *next_of_machine(struct opened *opened)
{
    struct dirent *entry;
    do
        entry = NEXT(readdir)(opened->stream);
    while (entry && opened->listing->hides(name_of(entry)));
    return entry;
}

static struct dirent *next_of_mount(struct opened *opened)
{
    struct dirent *from, *entry = &opened->entry;
    while (open_more(opened) && (from = NEXT(readdir)(opened->more))) {
        struct writer name = {
            entry->d_name, entry->d_name + sizeof entry->d_name - 1, false};
        if (!opened->listing->shows(name_of(from), &name, &entry->d_type) || name.is_full)
            continue;
        *name.at = 0;
        entry->d_ino = from->d_ino;
        entry->d_off = from->d_off | position_in_mount;
        entry->d_reclen = sizeof *entry;
        return entry;
    }
    return NULL;
}

static struct dirent *next_shown(struct opened *opened)
{
    struct dirent *entry;
    if (!opened->listing->machine) {
        char room[sizeof entry->d_name];
        struct writer name = {room, room + sizeof room, false};
        entry = NEXT(readdir)(opened->stream);
        if (entry)
            opened->listing->shows(name_of(entry), &name, &entry->d_type);
        return entry;
    }
    int saved = errno;
    errno = 0;
    if (!opened->is_past && ((entry = next_of_machine(opened)) || errno != 0)) {
        errno = errno ? errno : saved;
        return entry;
    }
    errno = saved;
    opened->is_past = true;
    return next_of_mount(opened);
}

// MARK: The C library's names

EXPORTED struct dirent *readdir(DIR *stream)
{
    struct opened *opened = find_opened(stream);
    return opened ? next_shown(opened) : NEXT(readdir)(stream);
}
EXPORTED struct dirent64 *readdir64(DIR *stream)
{
    struct opened *opened = find_opened(stream);
    return opened ? (struct dirent64 *)next_shown(opened) : NEXT(readdir64)(stream);
}

static int copy_next(struct opened *opened, struct dirent *copy, struct dirent **result)
{
    int saved = errno;
    errno = 0;
    struct dirent *entry = next_shown(opened);
    int error = errno;
    errno = saved;
    if (entry) {
        size_t front = (size_t)((char *)entry->d_name - (char *)entry);
        memcpy(copy, entry, front + strlen(entry->d_name) + 1);
    }
    *result = entry ? copy : NULL;
    return entry ? 0 : error;
}
EXPORTED int readdir_r(
    DIR *restrict stream, struct dirent *restrict copy, struct dirent **restrict result)
{
    struct opened *opened = find_opened(stream);
    return opened ? copy_next(opened, copy, result) : NEXT(readdir_r)(stream, copy, result);
}
EXPORTED int readdir64_r(
    DIR *restrict stream, struct dirent64 *restrict copy, struct dirent64 **restrict result)
{
    struct opened *opened = find_opened(stream);
    return opened ? copy_next(opened, (struct dirent *)copy, (struct dirent **)result)
                  : NEXT(readdir64_r)(stream, copy, result);
}

EXPORTED void rewinddir(DIR *stream)
{
    struct opened *opened = find_opened(stream);
    if (opened) {
        opened->is_past = false;
        close_more(opened);
    }
    NEXT(rewinddir)(stream);
}
EXPORTED long telldir(DIR *stream)
{
    struct opened *opened = find_opened(stream);
    if (!opened || !opened->is_past)
        return NEXT(telldir)(stream);
    return position_in_mount | (opened->more ? NEXT(telldir)(opened->more) : 0);
}
EXPORTED void seekdir(DIR *stream, long position)
{
    struct opened *opened = find_opened(stream);
    bool is_ours = opened && opened->listing->machine;
    if (is_ours) {
        opened->is_past = position & position_in_mount;
        close_more(opened);
    }
    if (!is_ours || !opened->is_past)
        NEXT(seekdir)(stream, position);
    else if (open_more(opened))
        NEXT(seekdir)(opened->more, position & ~position_in_mount);
}

EXPORTED int closedir(DIR *stream)
{
    forget(stream);
    return NEXT(closedir)(stream);
}
EXPORTED DIR *fdopendir(int fd) { return remember_stream(NEXT(fdopendir)(fd), false); }
EXPORTED DIR *opendir(const char *path)
{
    LEAD(meant, path, NULL);
    DIR *stream = CALL_LED(meant, AT_FDCWD, 0, NULL, NEXT(opendir)(meant.bytes));
    return remember_stream(stream, meant.is_numbers);
}
