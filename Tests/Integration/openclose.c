// openclose DIR FILE ROUNDS: creates a device over FILE, opens it, reads and writes it, closes it and
// removes it, ROUNDS times. The removal follows close as closely as it can, and must never be
// EBUSY. One that is asked for while the device is open must always be.
#include "client.h"

static int failed(const char *what, long round)
{
    printf("round %ld: %s: %s\n", round, what, strerror(errno));
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return fprintf(stderr, "usage: openclose DIR FILE ROUNDS\n"), 2;
    char path[4200], line[4200], buffer[512];
    snprintf(path, sizeof path, "%s/mapper/round", argv[1]);
    snprintf(line, sizeof line, "%s 0", argv[2]);
    int control = client_connect(argv[1]);
    if (client_hello(control, "/dev"))
        return printf("no hello\n"), 1;

    long rounds = atol(argv[3]);
    for (long i = 0; i < rounds; i++) {
        if (client_command(control, DM_DEV_CREATE, "round", 0))
            return failed("create", i);
        if (client_load(control, "round", 8, "linear", line))
            return failed("load", i);
        if (client_command(control, DM_DEV_SUSPEND, "round", 0))
            return failed("resume", i);
        int fd = open(path, i % 2 ? O_RDWR : O_RDONLY);
        if (fd < 0)
            return failed("open", i);
        if (i % 3 && read(fd, buffer, sizeof buffer) != sizeof buffer)
            return failed("read", i);
        if (i % 2 && write(fd, buffer, sizeof buffer) != sizeof buffer)
            return failed("write", i);
        if (i % 100 == 0 &&
            (!client_command(control, DM_DEV_REMOVE, "round", 0) || errno != EBUSY))
            return failed("removal of an open device", i);
        if (i % 5 == 0) { // a duplicate, whose close sends a FLUSH of its own
            int twin = dup(fd);
            close(fd);
            fd = twin;
        }
        close(fd);
        if (client_command(control, DM_DEV_REMOVE, "round", 0))
            return failed("remove", i);
    }
    return 0;
}
