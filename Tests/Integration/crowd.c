// crowd OPERATION FILE COUNT BYTES [SIGNAL]: as many threads make one direct call each, of BYTES at a
// place of its own while the file has one. Prints "held" when all of them wait in the kernel, and how
// many succeeded when all have ended; the others' errors, too.
//
// OPERATION: read, write, fsync, discard. SIGNAL: each of the threads gets it once all are held,
// and handles it; then "signalled" is printed.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *operation;
static int file;
static off_t size;
static size_t bytes;
static char *memory;
static atomic_long started, succeeded, errors[256];
static pid_t *numbers;

static long call(off_t place)
{
    if (!strcmp(operation, "read"))
        return pread(file, memory, bytes, place) == (ssize_t)bytes ? 0 : -1;
    if (!strcmp(operation, "write"))
        return pwrite(file, memory, bytes, place) == (ssize_t)bytes ? 0 : -1;
    if (!strcmp(operation, "fsync"))
        return fsync(file);
    return fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, place, (off_t)bytes);
}

static void *run(void *argument)
{
    long index = (long)argument;
    off_t places = size / (off_t)bytes;
    numbers[index] = (pid_t)syscall(SYS_gettid);
    atomic_fetch_add(&started, 1);
    errno = 0;
    if (call(index % (places > 0 ? places : 1) * (off_t)bytes) == 0)
        atomic_fetch_add(&succeeded, 1);
    else
        atomic_fetch_add(&errors[errno & 255], 1);
    return NULL;
}

static void handle(int number) { (void)number; }

// Whether a thread of ours waits in the kernel.
static int waits(pid_t thread)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)thread);
    int status = open(path, O_RDONLY);
    if (status < 0)
        return 1; // it has ended
    ssize_t length = read(status, text, sizeof text - 1);
    close(status);
    if (length <= 0)
        return 1;
    text[length] = 0;
    char *end = strrchr(text, ')');
    return end && (end[2] == 'S' || end[2] == 'D');
}

int main(int argc, char **argv)
{
    if (argc < 5)
        return fprintf(stderr, "usage: crowd OPERATION FILE COUNT BYTES [SIGNAL]\n"), 2;
    operation = argv[1];
    long count = atol(argv[3]);
    bytes = (size_t)atol(argv[4]);
    int number = argc > 5 ? atoi(argv[5]) : 0;
    file = open(argv[2], O_RDWR | O_DIRECT);
    struct stat status;
    if (file < 0 || fstat(file, &status) || posix_memalign((void **)&memory, 4096, bytes))
        return perror(argv[2]), 2;
    size = status.st_size;
    memset(memory, 'c', bytes);
    numbers = calloc((size_t)count, sizeof *numbers);
    pthread_t *threads = calloc((size_t)count, sizeof *threads);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 32 << 10);
    if (number)
        sigaction(number, &(struct sigaction){.sa_handler = handle, .sa_flags = SA_RESTART}, NULL);
    for (long index = 0; index < count; index++)
        if (pthread_create(&threads[index], &attributes, run, (void *)index))
            return perror("pthread_create"), 2;
    const struct timespec moment = {.tv_nsec = 5000000};
    while (atomic_load(&started) < count)
        nanosleep(&moment, NULL);
    for (long index = 0; index < count; index++)
        while (!waits(numbers[index]))
            nanosleep(&moment, NULL);
    puts("held");
    fflush(stdout);
    if (number) {
        for (long index = 0; index < count; index++)
            pthread_kill(threads[index], number);
        puts("signalled");
        fflush(stdout);
    }
    for (long index = 0; index < count; index++)
        pthread_join(threads[index], NULL);
    printf("%ld of %ld\n", atomic_load(&succeeded), count);
    for (int error = 0; error < 256; error++)
        if (atomic_load(&errors[error]))
            printf("%s: %ld\n", strerror(error), atomic_load(&errors[error]));
    return 0;
}
