// A small client of the control socket, as Sources/DMControl/Transport/Protocol.swift describes it;
// written from that description alone, so that it is a second opinion on it.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// Connects to DIRECTORY/mapper/control, also where that path is too long for an address.
static inline int client_connect(const char *directory)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/mapper", directory);
    int mapper = open(path, O_PATH | O_DIRECTORY);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/control", mapper);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) {
        perror(path);
        exit(2);
    }
    close(mapper);
    return fd;
}

static inline int client_read(int fd, void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t count = read(fd, (char *)bytes + done, size - done);
        if (count <= 0)
            return -1;
        done += (size_t)count;
    }
    return 0;
}

struct hello {
    char magic[8];
    uint32_t version, directory_length;
};

// Says hello, with our working directory. The answer's errno, or -1 when there is none.
static inline int client_hello(int fd, const char *device_directory)
{
    struct hello head = {"dmfuse\0\1", 1, (uint32_t)strlen(device_directory)};
    int here = open(".", O_PATH | O_DIRECTORY);
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    memcpy(CMSG_DATA(&control.header), &here, sizeof here);
    struct iovec parts[] = {{&head, sizeof head},
                            {(void *)device_directory, head.directory_length}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2, .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    close(here);
    int32_t answer[4];
    if (sent < 0 || client_read(fd, answer, sizeof answer))
        return -1;
    return answer[0];
}

// Makes an ioctl's call with `io->data_size` bytes: what ioctl(2) would do with /dev/mapper/control.
// 0, or -1 with errno.
static inline int client_call(int fd, unsigned long number, struct dm_ioctl *io)
{
    uint32_t head[2] = {(uint32_t)number, io->data_size}, reply[4];
    char reason[65536];
    if (send(fd, head, sizeof head, MSG_NOSIGNAL) < 0 ||
        send(fd, io, io->data_size, MSG_NOSIGNAL) < 0 || client_read(fd, reply, sizeof reply) ||
        reply[1] > io->data_size || client_read(fd, io, reply[1]) ||
        reply[2] > sizeof reason || client_read(fd, reason, reply[2])) {
        fprintf(stderr, "the daemon hung up\n");
        exit(2);
    }
    errno = (int)reply[0];
    return reply[0] ? -1 : 0;
}

// An argument for a call about a device: to be freed.
static inline struct dm_ioctl *client_argument(const char *name, size_t size)
{
    struct dm_ioctl *io = calloc(1, size);
    io->version[0] = DM_VERSION_MAJOR;
    io->data_size = (uint32_t)size;
    io->data_start = sizeof *io;
    strncpy(io->name, name, sizeof io->name - 1);
    return io;
}

// A call about a device without anything more.
static inline int client_command(int fd, unsigned long number, const char *name, uint32_t flags)
{
    struct dm_ioctl *io = client_argument(name, sizeof *io);
    io->flags = flags;
    int result = client_call(fd, number, io);
    int failure = errno;
    free(io);
    errno = failure;
    return result;
}

// Loads a table of one line.
static inline int client_load(int fd, const char *name, uint64_t length, const char *type,
                              const char *parameters)
{
    size_t size = sizeof(struct dm_ioctl) + sizeof(struct dm_target_spec) + strlen(parameters) + 1;
    struct dm_ioctl *io = client_argument(name, (size + 7) / 8 * 8);
    io->target_count = 1;
    struct dm_target_spec *line = (struct dm_target_spec *)(io + 1);
    line->length = length;
    strncpy(line->target_type, type, sizeof line->target_type - 1);
    strcpy((char *)(line + 1), parameters);
    int result = client_call(fd, DM_TABLE_LOAD, io);
    int failure = errno;
    free(io);
    errno = failure;
    return result;
}
