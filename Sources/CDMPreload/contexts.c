// The mount API of Linux 5.2 with a mapped device as the source of a file system.
//
// The kernel looks a source up when it makes the file system, and so do we. Until then the source is kept as it
// was named, and nothing is open that somebody would have to close.
#include "preload.h"

#include <sys/mount.h>

// MARK: Marks

// A context is known by a mark on its open file: the number of F_SETSIG, by which nothing is ever sent for such a
// file. Duplicates have it as well, and another context that gets the number of a closed one hasn't.
enum {
    most_marks = 63,      // from 1 on: sources that are kept here
    mark_of_kernels = 64, // the kernel has got the source
};

// -1: it is no open file.
static int mark_of(int context)
{
    int saved = errno, mark = (int)syscall(SYS_fcntl, context, F_GETSIG);
    errno = saved;
    return mark;
}

static int put_mark(int context, unsigned mark) { return (int)syscall(SYS_fcntl, context, F_SETSIG, mark); }

// Whether a descriptor is a context.
APART static bool is_context(int fd)
{
    static const char wanted[] = "anon_inode:[fscontext]";
    char link[32], target[sizeof wanted];
    struct writer writer = {link, link + sizeof link - 1, false};
    int saved = errno;
    put_word(&writer, "/proc/self/fd/");
    put_number(&writer, (unsigned)fd);
    *writer.at = 0;
    long size = fd < 0 ? -1 : raw_readlink(link, target, sizeof target);
    errno = saved;
    return size > 0 && is_text((struct text){target, (size_t)size}, wanted);
}

// MARK: Sources that are kept

enum { longest = 255 }; // as fsconfig(2) has it

struct source {
    // 0: free. Else the mark, `busy`, and the number that the context was named by.
    uint64_t state;
    char path[longest + 1]; // for who has made it busy
};
static const uint64_t marks = 0xff, busy = 0x100;
enum { count_of_sources = 8, number_shift = 32 };
static struct source sources[count_of_sources];

static bool change(struct source *source, uint64_t old, uint64_t new)
{
    return __atomic_compare_exchange_n(&source->state, &old, new, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static void put_state(struct source *source, uint64_t state)
{
    __atomic_store_n(&source->state, state, __ATOMIC_RELEASE);
}

// What is kept with a mark; `state` is its own. NULL: nothing is.
static struct source *find_source(int mark, uint64_t *state)
{
    if (mark <= 0 || mark > most_marks)
        return NULL;
    for (struct source *source = sources; source < sources + count_of_sources; source++) {
        *state = __atomic_load_n(&source->state, __ATOMIC_ACQUIRE);
        if ((*state & marks) == (uint64_t)mark)
            return source;
    }
    return NULL;
}

// One after the other, so that what was given up long ago isn't taken for another.
static unsigned new_mark(void)
{
    static unsigned last;
    uint64_t state;
    unsigned mark;
    do
        mark = __atomic_fetch_add(&last, 1, __ATOMIC_RELAXED) % most_marks + 1;
    while (find_source((int)mark, &state));
    return mark;
}

// A place that is busy with this state, or NULL: the free ones first, then those of contexts that were closed, or
// that aren't open any more by the number that they were named by.
static struct source *claim(uint64_t state)
{
    for (bool is_last = false;; is_last = true) {
        for (struct source *source = sources; source < sources + count_of_sources; source++) {
            uint64_t old = __atomic_load_n(&source->state, __ATOMIC_ACQUIRE);
            bool is_free = old == 0 || (is_last && !(old & busy) &&
                                        mark_of((int)(old >> number_shift)) != (int)(old & marks));
            if (is_free && change(source, old, state | busy))
                return source;
        }
        if (is_last)
            return NULL;
    }
}

// As fsconfig(2); EMFILE: there is no place.
APART static int keep_source(int context, const char *path)
{
    size_t length = program_text(path);
    if (length == 0 || length > longest)
        return fail(EINVAL);
    unsigned mark = new_mark();
    uint64_t state = (uint64_t)context << number_shift | mark;
    struct source *source = claim(state);
    if (!source)
        return fail(EMFILE);
    memset(source->path, 0, sizeof source->path);
    int result = read_memory(source->path, path, length);
    if (result == 0)
        result = put_mark(context, mark);
    put_state(source, result == 0 ? state : 0);
    return result;
}

// MARK: fsconfig

// Names the source to the kernel.
static int give_source(int context, const char *path)
{
    int result = NEXT(fsconfig)(context, FSCONFIG_SET_STRING, "source", path, 0), saved = errno;
    if (result == 0)
        put_mark(context, mark_of_kernels);
    errno = saved;
    return result;
}

APART static int set_source(int context, const char *path)
{
    uint64_t state;
    unsigned minor;
    int mark = mark_of(context);
    if (find_source(mark, &state))
        return fail(EINVAL); // it has one
    LEAD_AT(meant, AT_FDCWD, path, changes, -1);
    if (mark != mark_of_kernels && (leads_to_mapped(&meant, &minor) || is_name_of_mapped(&meant)))
        return keep_source(context, path);
    return give_source(context, path);
}

static int give_and_create(int context, unsigned command, const char *path)
{
    int result = give_source(context, path);
    return result == 0 ? NEXT(fsconfig)(context, command, NULL, NULL, 0) : result;
}

APART static int create_mapped(
    int context, unsigned command, const struct path *device, unsigned minor, const char *named)
{
    struct mounted mounted = about_to_mount(minor);
    int loop = stand_in(device, named, &mounted.number);
    if (loop < 0)
        return -1;
    struct loop_path path = loop_path(mounted.number);
    int result = give_and_create(context, command, path.bytes);
    raw_close(loop);
    if (result != 0)
        await_close(&mounted);
    return result;
}

// What has gone meanwhile isn't found, and what is another's now is the kernel's.
APART static int create(int context, unsigned command, const char *named)
{
    unsigned minor;
    LEAD_AT(meant, AT_FDCWD, named, changes, -1);
    return leads_to_mapped(&meant, &minor) ? create_mapped(context, command, &meant, minor, named)
                                           : give_and_create(context, command, meant.bytes);
}

static bool is_source(const char *key)
{
    struct text text = {key, program_text(key)};
    return is_text(text, "source");
}

EXPORTED int fsconfig(int context, unsigned command, const char *key, const void *value, int extra)
{
    enum { create_exclusive = 8 }; // Linux 6.6
    bool creates = command == FSCONFIG_CMD_CREATE || command == create_exclusive;
    struct source *source;
    uint64_t state;
    if (!mount_directory() || extra != 0)
        return NEXT(fsconfig)(context, command, key, value, extra);
    if (command == FSCONFIG_SET_STRING && is_source(key) && is_context(context))
        return set_source(context, value);
    if (!creates || key || value || !(source = find_source(mark_of(context), &state)) || state & busy ||
        !is_context(context) || !change(source, state, state | busy))
        return NEXT(fsconfig)(context, command, key, value, extra);
    int result = create(context, command, source->path);
    put_state(source, mark_of(context) == mark_of_kernels ? 0 : state);
    return result;
}
