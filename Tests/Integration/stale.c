// stale FILE COMMAND: finds FILE without opening it, runs COMMAND, then opens and looks at what it
// had found, and prints both errors.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int main(int argc, char **argv)
{
    if (argc != 3)
        return fprintf(stderr, "usage: stale FILE COMMAND\n"), 2;
    int found = open(argv[1], O_PATH | O_CLOEXEC);
    if (found < 0)
        return perror(argv[1]), 2;
    if (system(argv[2]))
        return fprintf(stderr, "the command failed\n"), 2;
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/proc/self/fd/%d", found);
    printf("open: %s\n", open(path, O_RDONLY) < 0 ? strerror(errno) : "fine");
    printf("stat: %s\n", fstat(found, &status) < 0 ? strerror(errno) : "fine");
    return 0;
}
