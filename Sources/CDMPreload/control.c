// The control device: ioctl(2) carried over the daemon's control protocol (docs/control.md).
//
// The descriptor that a program gets is a connection on which one request is under way: to wait
// for an event. So the descriptor becomes readable when the kernel's would. Its socket bears a name
// by which every process that comes to hold it knows it. Each ioctl has a connection of its own,
// made and closed within the call: threads, forked children and programs that inherit the
// descriptor can't come between each other's bytes, and a signal can end a call by hanging up.
#include "preload.h"

#include <linux/dm-ioctl.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

enum {
    own_type = 0xfe,
    own_wait = own_type << 8 | 3,
    version_size = 12,
    least_size = offsetof(struct dm_ioctl, data),
    answer_head = 16,
};
static const uint32_t greatest_size = 1 << 30;
static const char device_directory[] = "/dev";
// What the names of our sockets begin with, behind the NUL that makes them abstract.
static const char tag[] = "dmfuse-control/";

// MARK: Bytes

// Sends all of it. -1 and errno. A signal doesn't end it: what was begun is sent.
static int send_all(int fd, struct iovec *parts, size_t count, void *control, size_t control_size)
{
    struct msghdr message = {
        .msg_iov = parts, .msg_iovlen = count, .msg_control = control,
        .msg_controllen = control_size};
    while (message.msg_iovlen > 0) {
        long sent = syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return -1;
        message.msg_control = NULL;
        message.msg_controllen = 0;
        while (message.msg_iovlen > 0 && (size_t)sent >= message.msg_iov->iov_len) {
            sent -= (long)message.msg_iov->iov_len;
            message.msg_iov++;
            message.msg_iovlen--;
        }
        if (message.msg_iovlen > 0) {
            message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + sent;
            message.msg_iov->iov_len -= (size_t)sent;
        }
    }
    return 0;
}

// Receives exactly that much. -1 and errno; ENOTCONN: the daemon is gone.
static int receive_all(int fd, void *bytes, size_t size)
{
    char *next = bytes;
    while (size > 0) {
        long count = syscall(SYS_recvfrom, fd, next, size, 0, NULL, NULL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0) {
            if (count == 0 || errno == ECONNRESET)
                errno = ENOTCONN;
            return -1;
        }
        next += count;
        size -= (size_t)count;
    }
    return 0;
}

// MARK: Connections

static int connect_to(int fd, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char through[32];
    int opened = -1;
    if (strlen(path) >= sizeof address.sun_path) {
        opened = raw_open(path, O_PATH | O_CLOEXEC);
        if (opened < 0)
            return -1;
        snprintf(through, sizeof through, "/proc/self/fd/%d", opened);
        path = through;
    }
    strcpy(address.sun_path, path);
    long result;
    do
        result = syscall(SYS_connect, fd, &address, sizeof address);
    while (result != 0 && errno == EINTR);
    if (opened >= 0)
        raw_close(opened);
    return (int)result;
}

// Says hello, with the working directory, against which relative paths in tables are meant.
static int greet(int fd)
{
    struct {
        char magic[8];
        uint32_t version, length;
        char directory[sizeof device_directory - 1];
    } hello = {.magic = "dmfuse\0\1", .version = 1, .length = sizeof device_directory - 1};
    memcpy(hello.directory, device_directory, sizeof hello.directory);
    struct iovec part = {&hello, offsetof(__typeof__(hello), directory) + sizeof hello.directory};
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } passed = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    int here = raw_open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (here >= 0)
        memcpy(CMSG_DATA(&passed.head), &here, sizeof here);
    int result = send_all(fd, &part, 1, here >= 0 ? &passed : NULL, here >= 0 ? sizeof passed : 0);
    if (here >= 0)
        raw_close(here);
    if (result != 0)
        return -1;
    struct {
        int32_t error;
        uint32_t version, major, zero;
    } answer;
    if (receive_all(fd, &answer, sizeof answer) != 0)
        return -1;
    if (answer.error != 0) {
        errno = answer.error;
        return -1;
    }
    set_mapped_major(answer.major);
    return 0;
}

// Gives a socket the name by which `is_control_socket` knows it, and this process in it.
static int name_socket(int fd)
{
    static unsigned counter;
    for (int attempt = 0; attempt < 100; attempt++) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        unsigned number = __atomic_add_fetch(&counter, 1, __ATOMIC_RELAXED);
        int length = snprintf(
            address.sun_path + 1, sizeof address.sun_path - 1, "%s%d/%u", tag,
            (int)syscall(SYS_getpid), number);
        socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
        if (syscall(SYS_bind, fd, &address, size) == 0)
            return 0;
        if (errno != EADDRINUSE)
            return -1;
    }
    return -1;
}

// The process that named a control socket; -1: it is none.
static int namer(int fd)
{
    struct sockaddr_un address;
    socklen_t size = sizeof address;
    int saved = errno;
    const size_t front = offsetof(struct sockaddr_un, sun_path) + 1, length = sizeof tag - 1;
    int found = -1;
    memset(&address, 0, sizeof address);
    if (syscall(SYS_getsockname, fd, &address, &size) == 0 && address.sun_family == AF_UNIX &&
        size > front + length && size < sizeof address &&
        memcmp(address.sun_path, "\0", 1) == 0 && memcmp(address.sun_path + 1, tag, length) == 0)
        found = (int)strtol(address.sun_path + 1 + length, NULL, 10);
    errno = saved;
    return found;
}

bool is_control_socket(int fd) { return mount_directory() && namer(fd) >= 0; }

// A greeted connection.
static int connect_daemon(bool named, bool closes_on_exec)
{
    char path[PATH_MAX];
    strcpy(path, mount_directory());
    strcat(path, "/mapper/control");
    int type = SOCK_STREAM | (closes_on_exec ? SOCK_CLOEXEC : 0);
    int fd = (int)syscall(SYS_socket, AF_UNIX, type, 0);
    if (fd < 0)
        return -1;
    if ((named && name_socket(fd) != 0) || connect_to(fd, path) != 0 || greet(fd) != 0) {
        raw_close(fd);
        return -1;
    }
    return fd;
}

// MARK: open

// Begins the wait that ends when the global event number has moved on from now.
static int begin_wait(int fd)
{
    uint32_t head[2] = {own_wait, 0};
    struct iovec part = {head, sizeof head};
    return send_all(fd, &part, 1, NULL, 0);
}

int control_open(int flags)
{
    int fd = connect_daemon(true, flags & O_CLOEXEC);
    if (fd >= 0 && begin_wait(fd) != 0) {
        raw_close(fd);
        return -1;
    }
    return fd;
}

// MARK: ioctl

// How much of an argument the kernel would read.
static int argument_size(unsigned number, const void *argument, size_t *size)
{
    switch (number) {
    case DM_VERSION_CMD:
        *size = version_size;
        return 0;
    case DM_REMOVE_ALL_CMD: case DM_DEV_CREATE_CMD: case DM_DEV_REMOVE_CMD:
    case DM_DEV_SUSPEND_CMD: case DM_DEV_STATUS_CMD: case DM_TABLE_CLEAR_CMD:
    case DM_DEV_ARM_POLL_CMD:
        *size = least_size;
        return 0;
    default:
        break;
    }
    // A command that nobody knows is refused by its number.
    *size = version_size;
    if (number > DM_GET_TARGET_VERSION_CMD)
        return 0;
    struct {
        uint32_t version[3], data_size;
    } head;
    if (read_memory(&head, argument, sizeof head) != 0)
        return -1;
    // What is out of bounds the daemon refuses by the number that stands there.
    bool is_sound = head.data_size >= least_size && head.data_size <= greatest_size;
    *size = is_sound ? head.data_size : least_size;
    return 0;
}

// Waits for the reply. A suspend ends on every signal, as in the kernel, and a wait on those whose
// handlers don't ask for a restart; other commands go through. -1 and EINTR.
static int await(int fd, unsigned number)
{
    long result = 0;
    if (number == DM_DEV_SUSPEND_CMD) {
        struct pollfd polled = {.fd = fd, .events = POLLIN};
        result = syscall(SYS_ppoll, &polled, 1UL, NULL, NULL, 0UL);
    } else if (number == DM_DEV_WAIT_CMD) {
        char byte;
        result = syscall(SYS_recvfrom, fd, &byte, 1UL, MSG_PEEK, NULL, NULL);
    }
    if (result >= 0 || errno != EINTR)
        return 0; // what else may be wrong shows when the reply is read
    char byte;
    return syscall(SYS_recvfrom, fd, &byte, 1UL, MSG_PEEK | MSG_DONTWAIT, NULL, NULL) >= 0
               ? 0 : (errno = EINTR, -1);
}

// Appends what the kernel would have logged to the file that `dmfuse run --reasons` names.
static void note_reason(int fd, uint32_t length)
{
    const char *path = reasons_file();
    char line[1024];
    if (!path || length == 0)
        return;
    size_t kept = length < sizeof line - 1 ? length : sizeof line - 1;
    if (receive_all(fd, line, kept) != 0)
        return;
    line[kept++] = '\n';
    int file = raw_open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC);
    if (file < 0)
        return;
    syscall(SYS_write, file, line, kept);
    raw_close(file);
}

// One request and its reply on a connection. -1 and errno.
static int carry(int fd, unsigned long request, void *argument, size_t size)
{
    uint32_t head[2] = {(uint32_t)request, (uint32_t)size};
    struct iovec parts[2] = {{head, sizeof head}, {argument, size}};
    if (send_all(fd, parts, 2, NULL, 0) != 0 || await(fd, request & 0xff) != 0)
        return -1;
    struct {
        int32_t error;
        uint32_t size, reason, zero;
    } reply;
    if (receive_all(fd, &reply, sizeof reply) != 0)
        return -1;
    if (reply.size > size) {
        errno = EPROTO;
        return -1;
    }
    if (receive_all(fd, argument, reply.size) != 0)
        return -1;
    note_reason(fd, reply.reason);
    if (reply.error == 0)
        return 0;
    errno = reply.error;
    return -1;
}

// MARK: poll

// After DM_DEV_ARM_POLL the descriptor is readable when an event comes after now. While the wait is
// under way nothing has happened since it began, and that is as good.
static int arm(int fd)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    if (namer(fd) != (int)syscall(SYS_getpid)) {
        // Shared with another process, whose replies are not ours to take: from now on our number
        // is a connection of our own.
        int flags = (int)syscall(SYS_fcntl, fd, F_GETFD);
        int fresh = control_open(O_CLOEXEC);
        if (fresh < 0)
            return -1;
        long result = syscall(SYS_dup3, fresh, fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0);
        raw_close(fresh);
        return result < 0 ? -1 : 0;
    }
    pthread_mutex_lock(&lock);
    char reply[answer_head];
    int result = 0;
    long count = syscall(SYS_recvfrom, fd, reply, sizeof reply, MSG_DONTWAIT, NULL, NULL);
    if (count > 0) {
        struct dm_ioctl head = {.version = {DM_VERSION_MAJOR, 0, 0}, .data_size = least_size};
        result = receive_all(fd, reply + count, sizeof reply - (size_t)count);
        if (result == 0 && (result = carry(fd, DM_DEV_ARM_POLL, &head, least_size)) == 0)
            result = begin_wait(fd);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int control_ioctl(int fd, unsigned long request, void *argument)
{
    unsigned number = request & 0xff;
    size_t size;
    if (argument_size(number, argument, &size) != 0)
        return -1;
    int saved = errno;
    int connection = connect_daemon(false, true);
    if (connection < 0)
        return -1;
    int result = carry(connection, request, argument, size);
    raw_close(connection);
    if (result == 0 && number == DM_DEV_ARM_POLL_CMD)
        result = arm(fd);
    if (result == 0)
        errno = saved;
    return result;
}
