// rewrites FILE SIZE COUNT: writes SIZE bytes COUNT times to a device, cached and across pages, and
// reads them at once, while one thread has the device's cached pages dropped (BLKFLSBUF) and two bring
// them back. Fails if something else was read than was written.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MOST 8192
#define READ_SIZE (64 << 10)

static const char *path;
static atomic_int done;

static int open_device(int flags)
{
    int file = open(path, flags | O_CLOEXEC);
    if (file < 0) {
        fprintf(stderr, "rewrites: %s: %s\n", path, strerror(errno));
        exit(2);
    }
    return file;
}

static void *drop(void *unused)
{
    int file = open_device(O_RDONLY);
    while (!done)
        ioctl(file, BLKFLSBUF, 0);
    close(file);
    return unused;
}

static void *bring_back(void *unused)
{
    static _Thread_local char bytes[READ_SIZE];
    int file = open_device(O_RDONLY);
    while (!done)
        if (pread(file, bytes, sizeof bytes, 0) < 0)
            break;
    close(file);
    return unused;
}

int main(int count, char **words)
{
    if (count != 4)
        return 2;
    path = words[1];
    size_t size = strtoul(words[2], NULL, 10);
    long times = strtol(words[3], NULL, 10), stale = 0;
    if (size > MOST)
        return 2;
    pthread_t threads[3];
    pthread_create(&threads[0], NULL, drop, NULL);
    for (int i = 1; i < 3; i++)
        pthread_create(&threads[i], NULL, bring_back, NULL);
    int file = open_device(O_RDWR);
    unsigned char written[MOST], found[MOST];
    for (long i = 0; i < times; i++) {
        off_t place = i % 8 * 4096 + 100;
        memset(written, (int)(i & 255), size);
        if (pwrite(file, written, size, place) != (ssize_t)size ||
            pread(file, found, size, place) != (ssize_t)size) {
            perror("rewrites");
            return 2;
        }
        stale += memcmp(written, found, size) != 0;
    }
    done = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    printf("%ld of %ld writes were not read back\n", stale, times);
    return stale != 0;
}
