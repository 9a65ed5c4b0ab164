// openclose DIR FILE ROUNDS: creates a device over FILE, opens, writes, closes and removes it, ROUNDS
// times. The removal follows close as closely as it can, and must never be EBUSY. One that is asked
// for while the device is open must always be. Each round writes its own number all over the device,
// and looks for that of the round before first, and for its own in FILE at the end.
#include "client.h"

enum { SIZE = 4096 };
static _Alignas(SIZE) char buffer[SIZE];

static void stamp(long round)
{
    for (size_t i = 0; i < SIZE / sizeof round; i++)
        memcpy(buffer + i * sizeof round, &round, sizeof round);
}

static int is_stamped(long round)
{
    for (size_t i = 0; i < SIZE / sizeof round; i++)
        if (memcmp(buffer + i * sizeof round, &round, sizeof round))
            return 0;
    return 1;
}

static int failed(const char *what, long round)
{
    printf("round %ld: %s: %s\n", round, what, strerror(errno));
    return 1;
}

static int wrong(const char *where, long round)
{
    printf("round %ld: wrong bytes %s\n", round, where);
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return fprintf(stderr, "usage: openclose DIR FILE ROUNDS\n"), 2;
    char path[4200], line[4200];
    snprintf(path, sizeof path, "%s/mapper/round", argv[1]);
    snprintf(line, sizeof line, "%s 0", argv[2]);
    int control = client_connect(argv[1]);
    if (client_hello(control, "/dev"))
        return printf("no hello\n"), 1;

    int file = open(argv[2], O_RDWR);
    stamp(-1);
    if (file < 0 || pwrite(file, buffer, SIZE, 0) != SIZE)
        return failed("the file", 0);

    long rounds = atol(argv[3]);
    for (long i = 0; i < rounds; i++) {
        if (client_command(control, DM_DEV_CREATE, "round", 0))
            return failed("create", i);
        if (client_load(control, "round", SIZE / 512, "linear", line))
            return failed("load", i);
        if (client_command(control, DM_DEV_SUSPEND, "round", 0))
            return failed("resume", i);
        int fd = open(path, O_RDWR | (i % 4 == 3 ? O_DIRECT : 0));
        if (fd < 0)
            return failed("open", i);
        if (i % 3) {
            if (pread(fd, buffer, SIZE, 0) != SIZE)
                return failed("read", i);
            if (!is_stamped(i - 1))
                return wrong("of the round before", i);
        }
        stamp(i);
        if (pwrite(fd, buffer, SIZE, 0) != SIZE)
            return failed("write", i);
        if (i % 100 == 0 &&
            (!client_command(control, DM_DEV_REMOVE, "round", 0) || errno != EBUSY))
            return failed("removal of an open device", i);
        if (i % 5 == 0) { // a duplicate, whose close sends a FLUSH of its own
            int twin = dup(fd);
            close(fd);
            fd = twin;
        }
        if (close(fd))
            return failed("close", i);
        if (client_command(control, DM_DEV_REMOVE, "round", 0))
            return failed("remove", i);
        if (pread(file, buffer, SIZE, 0) != SIZE || !is_stamped(i))
            return wrong("in the file", i);
    }
    printf("%ld rounds\n", rounds);
    return 0;
}
