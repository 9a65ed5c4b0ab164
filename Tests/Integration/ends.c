// ends FILE SMALL LARGE BYTE [mapping]: looks at the end of a device that becomes longer and shorter, from
// SMALL bytes to LARGE and back, while two threads write to its first sectors, through the page cache and
// past it, and with mapping a third one writes and syncs the page with the end through a mapping. Behind
// byte SMALL the device has BYTE alone. Other threads ask for the size, by one way after another, and then
// read, each by a way of its own: they must get as far as they were told, and BYTE alone behind SMALL. On
// standard input, each answered by "ok":
//   grow, shrink    the size is about to change so
//   at SIZE         the device has that size now, for everybody, and LARGE can be read
// At its end it says how many looks there were, and fails if one was wrong.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum ask { FSTAT, STAT, SEEK, GETSIZE, ASKS };
/// How it is read: each through the page cache and past it, and by a mapping.
enum way { PREAD, PREAD_DIRECT, VECTORS, VECTORS_DIRECT, SUBMIT, SUBMIT_DIRECT, MAPPED, WAYS };
static const char *const asks[] = {"fstat", "stat", "lseek", "BLKGETSIZE64"};
static const char *const ways[] = {"pread", "direct pread", "preadv2", "direct preadv2",
                                   "io_submit", "direct io_submit", "mapped"};

static const char *path;
static long small, large, byte;
/// Odd: it grows; even: it may have become shorter.
static atomic_long phase;
static atomic_int done, wrong;
static _Atomic uint64_t looks, changes;

static void give_up(const char *what)
{
    fprintf(stderr, "ends: %s: %s\n", what, strerror(errno));
    exit(2);
}

static int open_file(bool direct)
{
    int file = open(path, O_RDWR | O_CLOEXEC | (direct ? O_DIRECT : 0));
    if (file < 0)
        give_up(path);
    return file;
}

/// What reads by one way. One thread's.
struct reader {
    enum way way;
    int file;
    aio_context_t submitter;
    unsigned char *map;
};

static struct reader open_by(enum way way)
{
    bool direct = way == PREAD_DIRECT || way == VECTORS_DIRECT || way == SUBMIT_DIRECT;
    struct reader reader = {.way = way, .file = open_file(direct)};
    if ((way == SUBMIT || way == SUBMIT_DIRECT) &&
        syscall(SYS_io_setup, 1, &reader.submitter) != 0)
        give_up("io_setup");
    if (way == MAPPED) {
        reader.map = mmap(NULL, (size_t)large + 8192, PROT_READ, MAP_SHARED, reader.file, 0);
        if (reader.map == MAP_FAILED)
            give_up("mmap");
    }
    return reader;
}

static ssize_t submit(const struct reader *reader, void *bytes, size_t length, long from)
{
    struct iocb block = {.aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = (uint32_t)reader->file,
                         .aio_buf = (uint64_t)(uintptr_t)bytes, .aio_nbytes = length,
                         .aio_offset = from};
    struct iocb *blocks[] = {&block};
    struct io_event event;
    if (syscall(SYS_io_submit, reader->submitter, 1, blocks) != 1 ||
        syscall(SYS_io_getevents, reader->submitter, 1, 1, &event, NULL) != 1)
        return -1;
    if (event.res < 0)
        return errno = (int)-event.res, -1;
    return (ssize_t)event.res;
}

static _Thread_local sigjmp_buf outside;
static void leave(int signal) { (void)signal, siglongjmp(outside, 1); }

/// Up to the first page that isn't there.
static ssize_t copy(const struct reader *reader, unsigned char *bytes, size_t length, long from)
{
    volatile size_t done = 0;
    if (sigsetjmp(outside, 1) == 0)
        while (done < length) {
            bytes[done] = ((volatile unsigned char *)reader->map)[(size_t)from + done];
            done++;
        }
    return (ssize_t)done;
}

/// As pread(2).
static ssize_t read_by(const struct reader *reader, void *bytes, size_t length, long from)
{
    struct iovec parts[] = {{bytes, 512}, {(char *)bytes + 512, length - 512}};
    switch (reader->way) {
    case VECTORS:
    case VECTORS_DIRECT: return preadv2(reader->file, parts, 2, from, 0);
    case SUBMIT:
    case SUBMIT_DIRECT: return submit(reader, bytes, length, from);
    case MAPPED: return copy(reader, bytes, length, from);
    default: return pread(reader->file, bytes, length, from);
    }
}

static unsigned char *memory(void)
{
    void *start;
    if (posix_memalign(&start, 4096, (size_t)large + 8192) != 0)
        give_up("memory");
    return start;
}

static long size_by(enum ask ask, int file)
{
    struct stat status;
    uint64_t size = 0;
    int result = 0;
    switch (ask) {
    case FSTAT: result = fstat(file, &status), size = (uint64_t)status.st_size; break;
    case STAT: result = stat(path, &status), size = (uint64_t)status.st_size; break;
    case SEEK: return lseek(file, 0, SEEK_END);
    default: result = ioctl(file, BLKGETSIZE64, &size);
    }
    if (result != 0)
        give_up("size");
    return (long)size;
}

static void is_wrong(const char *what, enum way way, enum ask ask, long size, long got)
{
    if (atomic_fetch_add(&wrong, 1) < 10)
        fprintf(stderr, "%s: %s says %ld, %s gave %ld\n", what, asks[ask], size, ways[way], got);
}

/// One look: the size, then all of it from `from` on. False: it was wrong.
static bool look(enum ask ask, const struct reader *reader, unsigned char *bytes, bool isExact)
{
    enum way way = reader->way;
    long before = atomic_load(&phase);
    long size = size_by(ask, reader->file);
    // Where the earlier end was, and from the beginning.
    for (long from = small / 4096 * 4096; from >= 0; from -= small / 4096 * 4096) {
        ssize_t count = read_by(reader, bytes, (size_t)(large + 4096 - from), from);
        // A read that is under way over the end of a shorter table is EIO past the cache.
        if (!isExact && (atomic_load(&phase) != before || before % 2 == 0))
            return true;
        if (count < 0)
            give_up("read");
        long end = from + count;
        if (end < size)
            return is_wrong("where it ends", way, ask, size, end), false;
        for (long i = small; i < size; i++)
            if (bytes[i - from] != byte)
                return is_wrong("what it has", way, ask, i, bytes[i - from]), false;
        if (from == 0)
            break;
    }
    return true;
}

static void *looker(void *context)
{
    struct reader reader = open_by((enum way)(intptr_t)context);
    unsigned char *bytes = memory();
    for (int round = 0; !atomic_load(&done); round++) {
        look(round % ASKS, &reader, bytes, false);
        atomic_fetch_add(&looks, 1);
    }
    return NULL;
}

static void *writer(void *context)
{
    int direct = (int)(intptr_t)context;
    int file = open_file(direct);
    unsigned char *bytes = memory();
    while (!atomic_load(&done)) {
        // What a mapping changed behind the end of a shorter table is lost, which the next to write is
        // told.
        if (pwrite(file, bytes, 512, direct * 512) != 512 && errno != EIO)
            give_up("write");
        atomic_fetch_add(&changes, 1);
    }
    return NULL;
}

static void *mapping(void *unused)
{
    int file = open_file(false);
    long page = small / 4096 * 4096;
    unsigned char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, page);
    if (map == MAP_FAILED)
        give_up("mmap");
    while (!atomic_load(&done)) {
        map[0]++;
        msync(map, 4096, MS_SYNC);
        atomic_fetch_add(&changes, 1);
    }
    return unused;
}

int main(int argc, char **argv)
{
    if (argc != 5 && argc != 6)
        return fprintf(stderr, "usage: ends FILE SMALL LARGE BYTE [mapping]\n"), 2;
    path = argv[1];
    small = atol(argv[2]), large = atol(argv[3]), byte = atol(argv[4]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct sigaction action = {.sa_handler = leave};
    sigaction(SIGBUS, &action, NULL);
    struct reader readers[WAYS];
    for (int way = 0; way < WAYS; way++)
        readers[way] = open_by(way);
    unsigned char *bytes = memory();
    pthread_t threads[WAYS + 3];
    int count = 0;
    for (; count < WAYS; count++)
        pthread_create(&threads[count], NULL, looker, (void *)(intptr_t)count);
    for (int direct = 0; direct < 2; direct++)
        pthread_create(&threads[count++], NULL, writer, (void *)(intptr_t)direct);
    if (argc == 6)
        pthread_create(&threads[count++], NULL, mapping, NULL);
    char line[40];
    while (fgets(line, sizeof line, stdin)) {
        long size = 0;
        if (sscanf(line, "at %ld", &size) == 1) {
            for (int i = 0; i < ASKS * WAYS; i++) {
                const struct reader *reader = &readers[i / ASKS];
                long found = size_by(i % ASKS, reader->file);
                if (found != size)
                    is_wrong("its size afterwards", reader->way, i % ASKS, found, size);
                else if (size == large)
                    look(i % ASKS, reader, bytes, true);
            }
        } else {
            bool grows = strcmp(line, "grow\n") == 0;
            atomic_store(&phase, (atomic_load(&phase) / 2 + 1) * 2 + grows);
        }
        puts("ok");
    }
    atomic_store(&done, 1);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    printf("%lu looks, %lu writes, %d wrong\n", (unsigned long)looks, (unsigned long)changes, wrong);
    return wrong > 0;
}
