// Connections to the daemon: whom they go to, the hello, and the names of those that programs hold.
#include "preload.h"

#include <stddef.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>

static const char device_directory[] = "/dev";
// What the names of our sockets begin with, behind the NUL that makes them abstract.
static const char tag[] = "dmfuse-control/";

// MARK: Bytes

int send_all(int fd, struct iovec *parts, size_t count, void *control, size_t control_size)
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

int receive_all(int fd, void *bytes, size_t size)
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

int take_error(int32_t error)
{
    enum { greatest = 4095 };
    if (error == 0)
        return 0;
    errno = error > 0 && error <= greatest ? error : EPROTO;
    return -1;
}

// MARK: Connecting

APART static int connect_to(int fd, const struct path *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct writer writer = {
        address.sun_path, address.sun_path + sizeof address.sun_path - 1, false};
    int opened = -1;
    if (path->length > 0 && path->length < sizeof address.sun_path) {
        put(&writer, path->bytes, path->length);
    } else {
        opened = raw_open(path->bytes, O_PATH | O_CLOEXEC);
        if (opened < 0)
            return -1;
        put_word(&writer, "/proc/self/fd/");
        put_number(&writer, (uint64_t)opened);
    }
    long result;
    do
        result = syscall(SYS_connect, fd, &address, sizeof address);
    while (result != 0 && errno == EINTR);
    if (opened >= 0)
        raw_close(opened);
    return (int)result;
}

// MARK: Whom we talk to

// Whether a user's number stands for one user. In a user namespace all users that it doesn't know
// have one number, which a user of its own may have, too.
APART static bool is_certain(uid_t user)
{
    const uid_t unknown = 65534; // /proc/sys/kernel/overflowuid
    char bytes[256];
    if (user != unknown)
        return true;
    int saved = errno, fd = raw_open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
    long count = fd < 0 ? -1 : syscall(SYS_read, fd, bytes, sizeof bytes);
    if (fd >= 0)
        raw_close(fd);
    errno = saved;
    // Lines of: first number here, first outside, how many.
    struct text text = {bytes, count > 0 ? (size_t)count : 0};
    unsigned first, outside, numbers;
    while (take_any(&text, " \n"), take_number(&text, &first)) {
        take_any(&text, " ");
        if (!take_number(&text, &outside))
            break;
        take_any(&text, " ");
        if (!take_number(&text, &numbers))
            break;
        if (user >= first && user - first < numbers)
            return true;
    }
    return false;
}

// Who began to listen at the other end decides, before a byte is sent: ourselves or root. -1 and
// EACCES: neither. Root is no exception and has no dealings with a daemon of others, as in
// ControlClient.swift.
static int check_server(int fd)
{
    struct ucred server;
    socklen_t size = sizeof server;
    if (syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &server, &size) != 0)
        return -1;
    uid_t user = (uid_t)syscall(SYS_geteuid);
    if (server.uid == 0 || (server.uid == user && is_certain(user)))
        return 0;
    errno = EACCES;
    return -1;
}

// MARK: Hello

// Says hello, with the working directory, against which relative paths in tables are meant.
APART static int greet(int fd)
{
    struct {
        char magic[8];
        uint32_t version, length;
        char directory[sizeof device_directory - 1];
    } hello = {.version = 1, .length = sizeof device_directory - 1};
    memcpy(hello.magic, "dmfuse\0\1", sizeof hello.magic);
    memcpy(hello.directory, device_directory, sizeof hello.directory);
    struct iovec part = {&hello, offsetof(__typeof__(hello), directory) + sizeof hello.directory};
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } passed = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    if (check_server(fd) != 0)
        return -1;
    // One that may not be searched is not sent: relative paths then lead nowhere.
    int here = raw_open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (here >= 0)
        memcpy(CMSG_DATA(&passed.head), &here, sizeof here);
    int result = send_all(fd, &part, 1, here >= 0 ? &passed : NULL, here >= 0 ? sizeof passed : 0);
    if (here >= 0)
        raw_close(here);
    // A refusal is sent without waiting for a hello: it may lie there although nothing could be sent.
    int error = errno;
    struct {
        int32_t error;
        uint32_t version, major, zero;
    } answer;
    if (receive_all(fd, &answer, sizeof answer) != 0) {
        if (result != 0 && error != EPIPE)
            errno = error;
        return -1;
    }
    if (take_error(answer.error) != 0)
        return -1;
    set_mapped_major(answer.major);
    return 0;
}

// MARK: Names

// A number that nobody can know before, so that nobody can have taken the name.
APART static uint64_t chosen_number(void)
{
    uint64_t number;
    if (syscall(SYS_getrandom, &number, sizeof number, GRND_NONBLOCK) == sizeof number)
        return number;
    struct timespec now = {0, 0};
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec ^ (uintptr_t)&number;
}

// Gives a socket the name by which `namer` knows it, and this process in it.
APART static int name_socket(int fd)
{
    int saved = errno;
    for (int attempt = 0; attempt < 100; attempt++) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        struct writer writer = {
            address.sun_path + 1, address.sun_path + sizeof address.sun_path, false};
        put_word(&writer, tag);
        put_number(&writer, (uint64_t)syscall(SYS_getpid));
        put(&writer, "/", 1);
        put_number(&writer, chosen_number());
        socklen_t size = (socklen_t)(writer.at - (char *)&address);
        if (syscall(SYS_bind, fd, &address, size) == 0) {
            errno = saved;
            return 0;
        }
        if (errno != EADDRINUSE)
            return -1;
    }
    return -1;
}

int namer(int fd)
{
    struct sockaddr_un address;
    socklen_t size = sizeof address;
    const size_t front = offsetof(struct sockaddr_un, sun_path) + 1;
    unsigned process;
    int saved = errno;
    memset(&address, 0, sizeof address);
    bool is = syscall(SYS_getsockname, fd, &address, &size) == 0 && size > front &&
              size <= sizeof address && address.sun_family == AF_UNIX && address.sun_path[0] == 0;
    errno = saved;
    struct text name = {address.sun_path + 1, is ? size - front : 0};
    return take(&name, tag) && take_number(&name, &process) && take(&name, "/") ? (int)process : -1;
}

// MARK: The whole

int connect_daemon(bool named, bool closes_on_exec)
{
    __attribute__((cleanup(release))) struct path path;
    if (!below_mount("/mapper/control", &path))
        return -1;
    int type = SOCK_STREAM | (closes_on_exec ? SOCK_CLOEXEC : 0);
    int fd = (int)syscall(SYS_socket, AF_UNIX, type, 0);
    if (fd < 0)
        return -1;
    if ((named && name_socket(fd) != 0) || connect_to(fd, &path) != 0 || greet(fd) != 0) {
        raw_close(fd);
        return -1;
    }
    return fd;
}
