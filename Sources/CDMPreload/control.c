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
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    own_type = 0xfe,
    own_wait = own_type << 8 | 3,
    version_size = 12,
    least_size = offsetof(struct dm_ioctl, data),
    answer_head = 16,
};
static const uint32_t greatest_size = 1 << 30;

bool is_control_socket(int fd) { return mount_directory() && namer(fd) >= 0; }

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

// Appends what the kernel would have logged to the file that `dmfuse run --reasons` names: one line, in
// which nothing can pass for another line or command a terminal.
APART static void note_reason(int fd, uint32_t length)
{
    enum { longest = 1000 };
    __attribute__((cleanup(release))) struct path line;
    line.mapped = NULL;
    char reason[64], *room = reasons_file() && length > 0 ? room_for(&line, PATH_MAX) : NULL;
    if (!room)
        return;
    struct writer writer = {room, room + PATH_MAX, false};
    for (uint32_t left = length < longest ? length : longest; left > 0;) {
        uint32_t part = left < sizeof reason ? left : sizeof reason;
        if (receive_all(fd, reason, part) != 0)
            return;
        for (uint32_t i = 0; i < part; i++) put_printable(&writer, reason[i]);
        left -= part;
    }
    put(&writer, "\n", 1);
    append_reason(room, (size_t)(writer.at - room));
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
    return take_error(reply.error);
}

// MARK: poll

// Makes the number `fd` a connection of its own, on which a wait has begun now.
static int renew(int fd)
{
    int flags = (int)syscall(SYS_fcntl, fd, F_GETFD);
    int fresh = control_open(O_CLOEXEC);
    if (fresh < 0)
        return -1;
    long result = syscall(SYS_dup3, fresh, fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0);
    raw_close(fresh);
    return result < 0 ? -1 : 0;
}

// Takes the reply that told of an event, and begins the next wait. On a descriptor that nobody
// replaces meanwhile.
static int begin_anew(int fd)
{
    char reply[answer_head];
    long count = syscall(SYS_recvfrom, fd, reply, sizeof reply, MSG_DONTWAIT, NULL, NULL);
    if (count <= 0)
        return 0;
    struct dm_ioctl head = {.version = {DM_VERSION_MAJOR, 0, 0}, .data_size = least_size};
    if (receive_all(fd, reply + count, sizeof reply - (size_t)count) != 0 ||
        carry(fd, DM_DEV_ARM_POLL, &head, least_size) != 0)
        return -1;
    return begin_wait(fd);
}

// After DM_DEV_ARM_POLL the descriptor is readable when an event comes after now. While the wait is
// under way nothing has happened since it began, and that is as good.
//
// One at a time takes replies from descriptors, and nobody waits for the other: who comes meanwhile,
// be it in a signal handler that interrupted it, or in a child that was forked then and sees it taken
// for ever, renews the descriptor.
static int arm(int fd)
{
    static bool is_taken;
    char byte;
    // Replies on what is shared with another process are not ours to take.
    if (namer(fd) != (int)syscall(SYS_getpid))
        return renew(fd);
    if (syscall(SYS_recvfrom, fd, &byte, 1UL, MSG_PEEK | MSG_DONTWAIT, NULL, NULL) < 0)
        return 0;
    if (__atomic_exchange_n(&is_taken, true, __ATOMIC_ACQUIRE))
        return renew(fd);
    int held = (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 0), result = -1;
    if (held >= 0) {
        result = begin_anew(held);
        raw_close(held);
    }
    __atomic_store_n(&is_taken, false, __ATOMIC_RELEASE);
    return result;
}

int control_ioctl(int fd, unsigned long request, void *argument)
{
    unsigned number = request & 0xff;
    size_t size;
    if (argument_size(number, argument, &size) != 0)
        return -1;
    int saved = errno, connection = connect_daemon(false, true);
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

bool device_status(unsigned minor, struct dm_ioctl *status)
{
    *status = (struct dm_ioctl){
        .version = {DM_VERSION_MAJOR, 0, 0}, .data_size = sizeof *status,
        .dev = (minor & 0xff) | (uint64_t)mapped_major() << 8 | (uint64_t)(minor & ~0xffU) << 12};
    return control_ioctl(-1, DM_DEV_STATUS, status) == 0;
}
