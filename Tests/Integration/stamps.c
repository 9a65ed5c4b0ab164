// stamps fill FILE PAGES NUMBER: writes the number into each sector of a file.
// stamps read FILE, stamps write FILE: looks at a device by all ways at once: a thread each that reads
// it cached, past the page cache, through a shared and a private mapping, and by an open of its own
// each time. No number that is read may be lower than what that page was known to have before. With
// write, three more threads write ever higher numbers, each to pages of its own: cached, past the
// cache, and through a mapping with msync.
//   NUMBER  on standard input: from now on all pages have at least that; answered by "ok"
// At its end it says how many reads there were, and fails if one was wrong.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
#define SECTORS 8
#define MOST_PAGES 4096

enum way { CACHED, DIRECT, SHARED, PRIVATE, FRESH, WAYS };
static const char *const names[] = {"cached", "direct", "shared", "private", "fresh"};

static const char *path;
static long pages;
static _Atomic uint64_t least[MOST_PAGES];
static atomic_int done;
static _Atomic uint64_t reads[WAYS], writes[3];
static atomic_int wrong;

static void give_up(const char *what)
{
    fprintf(stderr, "stamps: %s: %s\n", what, strerror(errno));
    exit(2);
}

static int open_by(enum way way)
{
    int file = open(path, O_RDWR | O_CLOEXEC | (way == DIRECT ? O_DIRECT : 0));
    if (file < 0)
        give_up(path);
    return file;
}

static void *map_by(enum way way, int file)
{
    int flags = way == PRIVATE ? MAP_PRIVATE : MAP_SHARED;
    void *start = mmap(NULL, (size_t)pages * PAGE, PROT_READ | PROT_WRITE, flags, file, 0);
    if (start == MAP_FAILED)
        give_up("mmap");
    return start;
}

static void *a_page(void)
{
    void *page;
    if (posix_memalign(&page, PAGE, PAGE) != 0)
        give_up("memory");
    return page;
}

static void *reader(void *context)
{
    enum way way = *(const enum way *)context;
    int file = open_by(way);
    unsigned char *page = a_page();
    const unsigned char *map = way == SHARED || way == PRIVATE ? map_by(way, file) : NULL;
    unsigned random_state = way;
    while (!atomic_load(&done)) {
        long number = rand_r(&random_state) % pages;
        uint64_t before = atomic_load(&least[number]), found;
        if (way == FRESH)
            close(file), file = open_by(way);
        if (map)
            memcpy(page, map + number * PAGE, PAGE);
        else if (pread(file, page, PAGE, number * PAGE) != PAGE)
            give_up("read");
        for (int i = 0; i < SECTORS; i++) {
            memcpy(&found, page + i * 512, sizeof found);
            if (found >= before)
                continue;
            if (atomic_fetch_add(&wrong, 1) < 10)
                printf("%s: page %ld, sector %d has %lu, and had %lu\n", names[way], number, i,
                       (unsigned long)found, (unsigned long)before);
            break;
        }
        atomic_fetch_add(&reads[way], 1);
    }
    return NULL;
}

static void *writer(void *context)
{
    enum way way = *(const enum way *)context;
    int file = open_by(way);
    unsigned char *page = a_page(), *map = way == SHARED ? map_by(way, file) : NULL;
    uint64_t next = atomic_load(&least[0]);
    for (long number = way; !atomic_load(&done); number = number + 3 < pages ? number + 3 : way) {
        next++;
        unsigned char *to = map ? map + number * PAGE : page;
        for (int i = 0; i < SECTORS; i++)
            memcpy(to + i * 512, &next, sizeof next);
        if (map ? msync(to, PAGE, MS_SYNC) != 0 : pwrite(file, page, PAGE, number * PAGE) != PAGE)
            give_up("write");
        atomic_store(&least[number], next);
        atomic_fetch_add(&writes[way], 1);
    }
    return NULL;
}

static int fill(long count, uint64_t number)
{
    unsigned char *page = a_page();
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0)
        give_up(path);
    for (int i = 0; i < SECTORS; i++)
        memcpy(page + i * 512, &number, sizeof number);
    for (long i = 0; i < count; i++) {
        if (pwrite(file, page, PAGE, i * PAGE) != PAGE)
            give_up("write");
    }
    return 0;
}

int main(int argc, char **argv)
{
    static enum way ways[WAYS] = {CACHED, DIRECT, SHARED, PRIVATE, FRESH};
    if (argc < 3)
        return fprintf(stderr, "usage: stamps fill|read|write FILE [PAGES NUMBER]\n"), 2;
    path = argv[2];
    if (argc == 5)
        return fill(atol(argv[3]), strtoul(argv[4], NULL, 10));
    int file = open_by(CACHED);
    pages = lseek(file, 0, SEEK_END) / PAGE;
    if (pages < 3 || pages > MOST_PAGES)
        return fprintf(stderr, "stamps: %ld pages\n", pages), 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    pthread_t threads[WAYS + 3];
    int count = 0;
    for (; count < WAYS; count++)
        pthread_create(&threads[count], NULL, reader, &ways[count]);
    for (int i = 0; strcmp(argv[1], "write") == 0 && i < 3; i++)
        pthread_create(&threads[count++], NULL, writer, &ways[i]);
    char line[40];
    while (fgets(line, sizeof line, stdin)) {
        for (long i = 0; i < pages; i++)
            atomic_store(&least[i], strtoul(line, NULL, 10));
        puts("ok");
    }
    atomic_store(&done, 1);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < WAYS; i++)
        printf("%lu %s, ", (unsigned long)reads[i], names[i]);
    printf("written %lu %lu %lu, %d wrong\n", (unsigned long)writes[0], (unsigned long)writes[1],
           (unsigned long)writes[2], wrong);
    return wrong > 0;
}
