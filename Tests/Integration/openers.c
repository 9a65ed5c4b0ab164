// openers FILE [race SECONDS]: the openers of one device: a cached descriptor, one past the page cache,
// and a shared mapping. Commands on standard input, an answer each:
//   see OFFSET          the byte there as each of the three finds it; a mapping may find SIGBUS
//   kept OFFSET         the same as the cached descriptor and the mapping find it
//   cached OFFSET BYTE  writes that byte 512 times by that way; so do direct and mapped
//   size                as fstat, lseek and BLKGETSIZE64 tell it
//   read OFFSET         how much a cached and a direct read of 512 bytes give
//   remap               makes the mapping as long as the device is; says how long
//   sync                fsync
//   ask                 from now on a thread asks for the size all the time
// race: a thread that writes past the cache, and others that read through it: what was written before a
// read began is what it finds.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int cached, direct;
static unsigned char *map, *block;
static size_t mapped;

static void say(long result)
{
    if (result < 0)
        printf("%s", strerrorname_np(errno));
    else
        printf("%ld", result);
}

static long byte_by(int file, long offset)
{
    ssize_t count = pread(file, block, 512, offset / 512 * 512);
    return count < 0 ? -1 : count == 0 ? 999 : block[offset % 512];
}

static sigjmp_buf back;
static void on_bus_error(int signal)
{
    (void)signal;
    siglongjmp(back, 1);
}

/// Says the byte of the mapping there, or, where `byte` isn't negative, writes it 512 times and says so.
static void in_the_mapping(long offset, long byte)
{
    if ((size_t)offset >= (mapped + 4095) / 4096 * 4096) {
        printf("outside");
    } else if (sigsetjmp(back, 1) != 0) {
        printf("SIGBUS");
    } else if (byte < 0) {
        printf("%d", *(volatile unsigned char *)(map + offset));
    } else {
        memset(map + offset, (int)byte, 512);
        printf("512");
    }
}

static void *asker(void *context)
{
    struct stat status;
    (void)context;
    while (fstat(cached, &status) == 0)
        ;
    return NULL;
}

static void command(const char *line)
{
    pthread_t thread;
    char word[16];
    long offset = 0, byte = 0;
    sscanf(line, "%15s %ld %ld", word, &offset, &byte);
    if (strcmp(word, "see") == 0) {
        say(byte_by(cached, offset)), putchar(' ');
        say(byte_by(direct, offset)), putchar(' ');
        in_the_mapping(offset, -1), putchar('\n');
    } else if (strcmp(word, "kept") == 0) {
        say(byte_by(cached, offset)), putchar(' ');
        in_the_mapping(offset, -1), putchar('\n');
    } else if (strcmp(word, "cached") == 0 || strcmp(word, "direct") == 0) {
        memset(block, (int)byte, 512);
        say(pwrite(*word == 'c' ? cached : direct, block, 512, offset)), putchar('\n');
    } else if (strcmp(word, "mapped") == 0) {
        in_the_mapping(offset, byte), putchar('\n');
    } else if (strcmp(word, "remap") == 0) {
        size_t size = (size_t)lseek(cached, 0, SEEK_END);
        void *moved = mremap(map, mapped, size, MREMAP_MAYMOVE);
        if (moved != MAP_FAILED)
            map = moved, mapped = size;
        say(moved == MAP_FAILED ? -1 : (long)mapped), putchar('\n');
    } else if (strcmp(word, "size") == 0) {
        struct stat status;
        uint64_t size = 0;
        long end = lseek(cached, 0, SEEK_END);
        fstat(cached, &status);
        ioctl(cached, BLKGETSIZE64, &size);
        printf("%ld %ld %ld\n", (long)status.st_size, end, (long)size);
    } else if (strcmp(word, "read") == 0) {
        say(pread(cached, block, 512, offset)), putchar(' ');
        say(pread(direct, block, 512, offset)), putchar('\n');
    } else if (strcmp(word, "ask") == 0) {
        say(pthread_create(&thread, NULL, asker, NULL)), putchar('\n');
    } else if (strcmp(word, "sync") == 0) {
        say(fsync(cached)), putchar('\n');
    } else {
        puts("?");
    }
}

static atomic_long written;
static atomic_int done, stale;

static void *reader(void *context)
{
    (void)context;
    long found;
    while (!atomic_load(&done)) {
        long before = atomic_load(&written);
        if (pread(cached, &found, sizeof found, 4096) != sizeof found || found < before)
            atomic_fetch_add(&stale, 1);
    }
    return NULL;
}

static int race(int seconds)
{
    pthread_t threads[3];
    memset(block, 0, 4096);
    if (pwrite(direct, block, 4096, 4096) != 4096)
        return perror("write"), 2;
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, reader, NULL);
    time_t end = time(NULL) + seconds;
    long number = 0, wrong = 0;
    while (time(NULL) < end) {
        memcpy(block, &(long){++number}, sizeof number);
        if (pwrite(direct, block, 4096, 4096) != 4096)
            return perror("write"), 2;
        atomic_store(&written, number);
        long found;
        if (pread(cached, &found, sizeof found, 4096) != sizeof found || found != number)
            wrong++;
    }
    atomic_store(&done, 1);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    printf("%ld writes, %ld then found stale, %d by others\n", number, wrong, atomic_load(&stale));
    return wrong > 0 || atomic_load(&stale) > 0;
}

int main(int argc, char **argv)
{
    if (argc != 2 && !(argc == 4 && strcmp(argv[2], "race") == 0))
        return fprintf(stderr, "usage: openers FILE [race SECONDS]\n"), 2;
    cached = open(argv[1], O_RDWR | O_CLOEXEC);
    direct = open(argv[1], O_RDWR | O_DIRECT | O_CLOEXEC);
    if (cached < 0 || direct < 0 || posix_memalign((void **)&block, 4096, 4096) != 0)
        return perror(argv[1]), 2;
    if (argc == 4)
        return race(atoi(argv[3]));
    mapped = (size_t)lseek(cached, 0, SEEK_END);
    map = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, cached, 0);
    if (map == MAP_FAILED)
        return perror("mmap"), 2;
    signal(SIGBUS, on_bus_error);
    char line[100];
    while (fgets(line, sizeof line, stdin)) {
        command(line);
        fflush(stdout);
    }
    return 0;
}
