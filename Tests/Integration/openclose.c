// openclose DMFUSE DIR FILE ROUNDS: creates a device over FILE, opens, reads, closes and removes it,
// ROUNDS times. A removal right after close must never be EBUSY. Commands are run without a shell,
// so that close and removal follow each other as closely as they can.
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int run(char *const arguments[])
{
    pid_t child;
    int status;
    if (posix_spawn(&child, arguments[0], NULL, NULL, arguments, environ))
        return -1;
    if (waitpid(child, &status, 0) < 0)
        return -1;
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return fprintf(stderr, "usage: openclose DMFUSE DIR FILE ROUNDS\n"), 2;
    char path[4096], table[4200], buffer[512];
    snprintf(path, sizeof path, "%s/mapper/round", argv[2]);
    snprintf(table, sizeof table, "0 8 linear %s 0", argv[3]);
    char *create[] = {argv[1], "create", "--dir", argv[2], "round", "--table", table, NULL};
    char *remove[] = {argv[1], "remove", "--dir", argv[2], "round", NULL};
    long rounds = atol(argv[4]);
    for (long i = 0; i < rounds; i++) {
        if (run(create))
            return printf("round %ld: create failed\n", i), 1;
        int fd = open(path, i % 2 ? O_RDWR : O_RDONLY);
        if (fd < 0)
            return printf("round %ld: open: ", i), perror(path), 1;
        if (i % 3 && read(fd, buffer, sizeof buffer) != sizeof buffer)
            return printf("round %ld: short read\n", i), 1;
        if (i % 2 && write(fd, buffer, sizeof buffer) != sizeof buffer)
            return printf("round %ld: short write\n", i), 1;
        if (i % 5 == 0) { // a duplicate, whose close sends a FLUSH of its own
            int twin = dup(fd);
            close(fd);
            fd = twin;
        }
        close(fd);
        if (run(remove))
            return printf("round %ld: remove failed\n", i), 1;
    }
    return 0;
}
