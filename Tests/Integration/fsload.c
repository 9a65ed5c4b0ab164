// fsload DIRECTORY SECONDS [SEED]: keeps a file system busy, for so long or, with 0, until there is a file
// named stop in the directory. Four processes each create, write,
// read back, truncate, rename, link, punch, sync and delete files of their own there, and compare all
// they read with what they wrote. Ends with 1, and says what was wrong, when something is.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILES 24
#define LONGEST 131072

static unsigned char contents[FILES][LONGEST];
static long length[FILES];
static unsigned char read_back[LONGEST];
static unsigned random_state;

static unsigned next_random(unsigned limit)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % limit;
}

static void give_up(const char *what, int number)
{
    fprintf(stderr, "fsload: %s, file %d: %s\n", what, number, strerror(errno));
    exit(1);
}

static int open_file(int number, int flags)
{
    char name[32];
    snprintf(name, sizeof name, "f%d", number);
    int file = open(name, flags | O_CLOEXEC, 0600);
    if (file < 0)
        give_up("open", number);
    return file;
}

static void check(int number)
{
    int file = open_file(number, O_RDONLY);
    if (next_random(4) == 0)
        posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    if (pread(file, read_back, LONGEST, 0) != length[number])
        give_up("length", number);
    if (memcmp(read_back, contents[number], (size_t)length[number]) != 0) {
        errno = 0;
        give_up("other contents than were written", number);
    }
    close(file);
}

static void write_some(int number)
{
    long offset = next_random(LONGEST / 2), count = 1 + next_random(LONGEST / 2);
    int file = open_file(number, O_RDWR | O_CREAT);
    for (long i = 0; i < count; i++)
        contents[number][offset + i] = (unsigned char)(next_random(255) + 1);
    if (pwrite(file, contents[number] + offset, (size_t)count, offset) != count)
        give_up("write", number);
    if (offset + count > length[number])
        length[number] = offset + count;
    if (next_random(6) == 0 && fsync(file) != 0)
        give_up("fsync", number);
    close(file);
}

static void punch(int number)
{
    long offset = next_random(LONGEST / 2), count = 1 + next_random(LONGEST / 2);
    int file = open_file(number, O_RDWR);
    if (fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, count) != 0) {
        if (errno != EOPNOTSUPP)
            give_up("punch", number);
    } else {
        memset(contents[number] + offset, 0, (size_t)count);
    }
    close(file);
}

static void shorten(int number)
{
    char name[32];
    long to = next_random((unsigned)length[number] + 1);
    snprintf(name, sizeof name, "f%d", number);
    if (truncate(name, to) != 0)
        give_up("truncate", number);
    memset(contents[number] + to, 0, (size_t)(LONGEST - to));
    length[number] = to;
}

static void move(int number)
{
    char name[32], other[32];
    snprintf(name, sizeof name, "f%d", number);
    snprintf(other, sizeof other, "g%d", number);
    if (link(name, other) != 0 || unlink(name) != 0 || rename(other, name) != 0)
        give_up("link and rename", number);
}

static void delete_file(int number)
{
    char name[32];
    snprintf(name, sizeof name, "f%d", number);
    if (unlink(name) != 0)
        give_up("unlink", number);
    memset(contents[number], 0, LONGEST);
    length[number] = -1;
}

static void work(const char *directory, int process, int seconds, unsigned seed)
{
    char name[32];
    snprintf(name, sizeof name, "p%d", process);
    if (chdir(directory) != 0 || mkdir(name, 0700) != 0 || chdir(name) != 0)
        give_up("mkdir", process);
    random_state = seed * 31 + (unsigned)process;
    for (int i = 0; i < FILES; i++)
        length[i] = -1;
    struct timespec now, end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += seconds;
    do {
        int number = (int)next_random(FILES);
        unsigned what = next_random(16);
        if (length[number] < 0) {
            length[number] = 0;
            write_some(number);
        } else if (what < 6) {
            write_some(number);
        } else if (what < 11) {
            check(number);
        } else if (what == 11) {
            punch(number);
        } else if (what == 12) {
            shorten(number);
        } else if (what == 13) {
            move(number);
        } else {
            delete_file(number);
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (seconds == 0 ? access("../stop", F_OK) != 0
                          : now.tv_sec < end.tv_sec ||
                                (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
    for (int i = 0; i < FILES; i++) {
        if (length[i] >= 0)
            check(i);
    }
    exit(0);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return fprintf(stderr, "usage: fsload DIRECTORY SECONDS [SEED]\n"), 2;
    for (int i = 0; i < 4; i++) {
        if (fork() == 0)
            work(argv[1], i, atoi(argv[2]), argc > 3 ? (unsigned)atoi(argv[3]) : 1);
    }
    int failed = 0, status;
    while (wait(&status) > 0)
        failed |= status != 0;
    return failed;
}
