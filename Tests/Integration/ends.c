// ends FILE SMALL LARGE BYTE [mapping]: looks at the end of a device that becomes longer and shorter, from
// SMALL bytes to LARGE and back, while two threads write to its first sectors, through the page cache and
// past it, and with mapping a third one writes and syncs the page with the end through a mapping. Behind
// byte SMALL the device has BYTE alone. Other threads ask for the size, each by a way of its own, and then
// read: they must get as far as they were told, and BYTE alone behind SMALL. On standard input, each
// answered by "ok":
//   grow, shrink    the size is about to change so
//   at SIZE         the device has that size now, for everybody, and LARGE can be read
// At its end it says how many looks there were, and fails if one was wrong.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum ask { FSTAT, STAT, SEEK, GETSIZE, ASKS };
enum way { CACHED, DIRECT, WAYS };
static const char *const asks[] = {"fstat", "stat", "lseek", "BLKGETSIZE64"};
static const char *const ways[] = {"cached", "direct"};

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

static int open_by(enum way way)
{
    int file = open(path, O_RDWR | O_CLOEXEC | (way == DIRECT ? O_DIRECT : 0));
    if (file < 0)
        give_up(path);
    return file;
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
        fprintf(stderr, "%s: %s says %ld, a %s read gave %ld\n", what, asks[ask], size, ways[way], got);
}

/// One look: the size, then all of it from `from` on. False: it was wrong.
static bool look(enum ask ask, enum way way, int file, unsigned char *bytes, bool isExact)
{
    long before = atomic_load(&phase);
    long size = size_by(ask, file);
    // Where the earlier end was, and from the beginning.
    for (long from = small / 4096 * 4096; from >= 0; from -= small / 4096 * 4096) {
        ssize_t count = pread(file, bytes, (size_t)(large + 4096 - from), from);
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
    int number = (int)(intptr_t)context;
    enum ask ask = number % ASKS;
    enum way way = number / ASKS;
    int file = open_by(way);
    unsigned char *bytes = memory();
    while (!atomic_load(&done)) {
        look(ask, way, file, bytes, false);
        atomic_fetch_add(&looks, 1);
    }
    return NULL;
}

static void *writer(void *context)
{
    enum way way = (enum way)(intptr_t)context;
    int file = open_by(way);
    unsigned char *bytes = memory();
    while (!atomic_load(&done)) {
        // What a mapping changed behind the end of a shorter table is lost, which the next to write is
        // told.
        if (pwrite(file, bytes, 512, way * 512) != 512 && errno != EIO)
            give_up("write");
        atomic_fetch_add(&changes, 1);
    }
    return NULL;
}

static void *mapping(void *unused)
{
    int file = open_by(CACHED);
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
    int files[WAYS] = {open_by(CACHED), open_by(DIRECT)};
    unsigned char *bytes = memory();
    pthread_t threads[ASKS * WAYS + 3];
    int count = 0;
    for (; count < ASKS * WAYS; count++)
        pthread_create(&threads[count], NULL, looker, (void *)(intptr_t)count);
    for (int way = 0; way < WAYS; way++)
        pthread_create(&threads[count++], NULL, writer, (void *)(intptr_t)way);
    if (argc == 6)
        pthread_create(&threads[count++], NULL, mapping, NULL);
    char line[40];
    while (fgets(line, sizeof line, stdin)) {
        long size = 0;
        if (sscanf(line, "at %ld", &size) == 1) {
            for (int i = 0; i < ASKS * WAYS; i++) {
                long found = size_by(i % ASKS, files[i / ASKS]);
                if (found != size)
                    is_wrong("its size afterwards", i / ASKS, i % ASKS, found, size);
                else if (size == large)
                    look(i % ASKS, i / ASKS, files[i / ASKS], bytes, true);
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
