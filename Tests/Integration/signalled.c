// signalled OPERATION FILE [SIGNAL [restart]]: makes one call on FILE, which a suspended device may
// hold, while it handles SIGNAL (with SA_RESTART if wanted), and prints what came of it: a count or
// 0, or "EINTR", "EIO" and the like, and then how often the signal was handled.
//
// OPERATION: read, write (direct); cached-read, cached-write; map (touch a mapped page); sync (msync
// of a page that was written before there was a file "go" here); async (read by io_submit);
// open, seek (to the end), fsync, allocate, mode.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile sig_atomic_t handled;

static void handle(int number)
{
    (void)number;
    handled++;
}

// Mapped before the signals are meant to come.
static char *mapped(int fd)
{
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
    return page;
}

static long asynchronous(int fd, void *buffer)
{
    aio_context_t context = 0;
    struct iocb request = {.aio_fildes = (uint32_t)fd, .aio_lio_opcode = IOCB_CMD_PREAD,
                           .aio_buf = (uint64_t)(uintptr_t)buffer, .aio_nbytes = 4096};
    struct iocb *requests[] = {&request};
    struct io_event event;
    if (syscall(SYS_io_setup, 1, &context) || syscall(SYS_io_submit, context, 1, requests) != 1)
        return -1;
    if (syscall(SYS_io_getevents, context, 1L, 1L, &event, NULL) != 1)
        return -1;
    errno = event.res < 0 ? (int)-event.res : 0;
    return event.res < 0 ? -1 : (long)event.res;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return fprintf(stderr, "usage: signalled OPERATION FILE [SIGNAL [restart]]\n"), 2;
    const char *operation = argv[1], *path = argv[2];
    if (argc > 3) {
        struct sigaction action = {.sa_handler = handle, .sa_flags = argc > 4 ? SA_RESTART : 0};
        sigaction(atoi(argv[3]), &action, NULL);
    }
    int is_direct = !strcmp(operation, "read") || !strcmp(operation, "write") ||
                    !strcmp(operation, "async");
    int is_open = !strcmp(operation, "open");
    int fd = is_open ? -1 : open(path, O_RDWR | (is_direct ? O_DIRECT : 0));
    if (!is_open && fd < 0)
        return perror(path), 2;
    char *buffer = aligned_alloc(4096, 4096);
    memset(buffer, 'x', 4096);

    long result = -1;
    if (is_open)
        result = open(path, O_RDONLY) < 0 ? -1 : 0;
    else if (!strcmp(operation, "read") || !strcmp(operation, "cached-read"))
        result = pread(fd, buffer, 4096, 0);
    else if (!strcmp(operation, "write") || !strcmp(operation, "cached-write"))
        result = pwrite(fd, buffer, 4096, 0);
    else if (!strcmp(operation, "map")) {
        (void)*(volatile char *)mapped(fd);
        result = 0;
    } else if (!strcmp(operation, "sync")) {
        char *page = mapped(fd);
        memset(page, 'y', 4096);
        puts("written"), fflush(stdout);
        while (access("go", F_OK))
            usleep(1000);
        result = msync(page, 4096, MS_SYNC);
    } else if (!strcmp(operation, "async"))
        result = asynchronous(fd, buffer);
    else if (!strcmp(operation, "seek"))
        result = lseek(fd, 0, SEEK_END) < 0 ? -1 : 0;
    else if (!strcmp(operation, "fsync"))
        result = fsync(fd);
    else if (!strcmp(operation, "allocate"))
        result = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4096);
    else if (!strcmp(operation, "mode"))
        result = fchmod(fd, 0600);
    if (result < 0)
        printf("%s %d\n", strerrorname_np(errno), (int)handled);
    else
        printf("%ld %d\n", result, (int)handled);
    return 0;
}
