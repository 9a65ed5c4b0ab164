// Stands between the daemon and the C library (LD_PRELOAD). Each fdatasync adds the file's path to
// the file named by SYNC_LOG; while the file named by SYNC_FAIL is there, it fails with EIO.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int fdatasync(int fd)
{
    static int (*next)(int);
    if (!next)
        next = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    char link[64], line[4097];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, line, sizeof line - 1);
    const char *log = getenv("SYNC_LOG"), *fail = getenv("SYNC_FAIL");
    int out = log ? open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (out >= 0 && length > 0) {
        line[length++] = '\n';
        (void)!write(out, line, (size_t)length);
    }
    if (out >= 0)
        close(out);
    if (fail && access(fail, F_OK) == 0) {
        errno = EIO;
        return -1;
    }
    return next(fd);
}
