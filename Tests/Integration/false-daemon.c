// What may answer a program under libdmfuse-preload in place of the daemon, and such a program.
//
//   false-daemon serve SOCKET KIND [USER]   listens, as that user, until it is killed. KIND: what it
//                                           answers (`serve`). Says what came with each hello.
//   false-daemon ask                        opens the control device and lists the devices
//   false-daemon CASE                       one of `cases`
#include "must.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

// MARK: The daemon

static const char *kind;

static bool is(const char *name) { return strcmp(kind, name) == 0; }

static void send_bytes(int fd, const void *bytes, size_t size)
{
    (void)!send(fd, bytes, size, MSG_NOSIGNAL);
}

static void reply(int fd, int32_t error, uint32_t size, uint32_t reason)
{
    uint32_t head[4] = {(uint32_t)error, size, reason, 0};
    send_bytes(fd, head, sizeof head);
}

static bool receive_bytes(int fd, void *bytes, size_t size)
{
    return size == 0 || recv(fd, bytes, size, MSG_WAITALL) == (ssize_t)size;
}

// Says what a client sent before it was answered.
static bool receive_hello(int fd)
{
    char bytes[20], passed[CMSG_SPACE(4 * sizeof(int))];
    struct iovec part = {bytes, sizeof bytes};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = passed, .msg_controllen = sizeof passed};
    ssize_t count = recvmsg(fd, &message, 0);
    printf("%zd bytes, %s\n", count, message.msg_controllen > 0 ? "a directory" : "no directory");
    fflush(stdout);
    return count == sizeof bytes;
}

static void serve(int fd)
{
    static char argument[1 << 20];
    bool waits = false;
    uint32_t head[2];
    if (is("mute"))
        return;
    if (is("refusing")) {
        reply(fd, EACCES, 1, 240);
        return;
    }
    if (is("silent")) {
        while (recv(fd, argument, sizeof argument, 0) > 0) {}
        return;
    }
    if (!receive_hello(fd))
        return;
    if (is("noisy")) {
        memset(argument, 0xff, sizeof argument);
        send_bytes(fd, argument, sizeof argument);
        return;
    }
    reply(fd, is("negative") ? -EIO : 0, 1, 240);
    while (receive_bytes(fd, head, sizeof head) && head[1] <= sizeof argument &&
           receive_bytes(fd, argument, head[1])) {
        bool is_wait = head[0] == (0xfe << 8 | 3);
        if (is_wait && is("holding"))
            reply(fd, 0, 0, 0);
        waits = waits || is_wait;
        if (is_wait || (waits && is("holding")))
            continue;
        if (is("huge")) {
            reply(fd, 0, INT32_MAX, 0);
            send_bytes(fd, argument, sizeof argument);
        } else if (is("short")) {
            reply(fd, 0, 305, 0);
            send_bytes(fd, argument, 10);
            return;
        } else if (is("odd")) {
            reply(fd, 99999, 0, 0);
        } else if (is("wordy")) {
            reply(fd, EINVAL, 0, UINT32_MAX);
            for (int i = 0; i < 1000; i++)
                send_bytes(fd, "one\nother\033[2J", 13);
            return;
        } else {
            reply(fd, 0, 0, 0);
        }
    }
}

static int serve_all(const char *path, const char *user)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), client;
    MUST(fd >= 0 && strlen(path) < sizeof address.sun_path);
    strcpy(address.sun_path, path);
    unlink(path);
    MUST(bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && chmod(path, 0666) == 0);
    MUST(!user || seteuid((uid_t)atoi(user)) == 0);
    MUST(signal(SIGCHLD, SIG_IGN) != SIG_ERR && listen(fd, 8) == 0);
    puts("listening");
    fflush(stdout);
    while ((client = accept(fd, NULL, NULL)) >= 0) {
        if (fork() == 0) {
            close(fd);
            serve(client);
            _exit(0);
        }
        close(client);
    }
    return 1;
}

// MARK: Programs

static int control(void) { return open("/dev/mapper/control", O_RDWR | O_CLOEXEC); }

static int call(int fd, unsigned long request)
{
    static struct {
        struct dm_ioctl head;
        char rest[4096];
    } buffer;
    memset(&buffer, 0, sizeof buffer);
    buffer.head.version[0] = 4;
    buffer.head.data_size = sizeof buffer;
    buffer.head.data_start = sizeof buffer.head;
    return ioctl(fd, request, &buffer);
}

static void say(const char *what, int got)
{
    printf("%s: %s\n", what, got >= 0 ? "ok" : strerrorname_np(errno));
}

static void ask(void)
{
    int fd = control();
    say("open", fd);
    if (fd >= 0)
        say("list", call(fd, DM_LIST_DEVICES));
}

// Names of this process's sockets that somebody took before.
static void taken_names(void)
{
    for (int i = 1; i <= 200; i++) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int length = snprintf(
            address.sun_path + 1, sizeof address.sun_path - 1, "dmfuse-control/%d/%d", getpid(), i);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
        MUST(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0);
    }
    ask();
}

static void no_descriptors(void)
{
    struct rlimit limit;
    int fd = control();
    MUST(fd >= 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = 0;
    MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    say("open", control());
    say("list", call(fd, DM_LIST_DEVICES));
    say("/proc/devices", open("/proc/devices", O_RDONLY));
}

// All numbers are free, those of the standard streams as well.
static void closed_descriptors(void)
{
    int out = fcntl(STDOUT_FILENO, F_DUPFD, 100);
    MUST(out >= 0 && close_range(0, 99, 0) == 0);
    int fd = control(), opened = fd, got = call(fd, DM_LIST_DEVICES);
    MUST(dup2(out, STDOUT_FILENO) == STDOUT_FILENO);
    say("open", opened);
    say("list", got);
}

static void no_memory(void)
{
    static char path[400] = "/dev";
    static struct stat status;
    struct rlimit none = {0, 0};
    memset(path + 4, '/', 300);
    strcpy(path + 304, "mapper/one");
    MUST(setrlimit(RLIMIT_AS, &none) == 0);
    say("stat", stat(path, &status));
}

static void no_file_size(void)
{
    struct rlimit none = {0, 0};
    MUST(setrlimit(RLIMIT_FSIZE, &none) == 0);
    say("/proc/devices", open("/proc/devices", O_RDONLY));
    say("list", call(control(), DM_LIST_DEVICES));
}

// A filter of system calls that knows nothing newer than needs be.
static void filtered(void)
{
#define WITHOUT(name)                                                                              \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1),                                         \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS)
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        WITHOUT(process_vm_readv), WITHOUT(process_vm_writev), WITHOUT(statx),
        WITHOUT(memfd_create), WITHOUT(getrandom),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog filter = {sizeof steps / sizeof steps[0], steps};
    MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
    ask();
    say("a wrong pointer", ioctl(control(), DM_LIST_DEVICES, (void *)16));
    say("/proc/devices", open("/proc/devices", O_RDONLY));
    struct stat status;
    say("stat", stat("/dev/mapper/control", &status));
}

static void *arm_for_ever(void *argument)
{
    call(*(int *)argument, DM_DEV_ARM_POLL);
    return NULL;
}

// A child is forked while another thread re-arms the descriptor, and the daemon doesn't answer that.
static void fork_in_arm(void)
{
    pthread_t thread;
    int fd = control(), status;
    char byte;
    MUST(fd >= 0 && recv(fd, &byte, 1, MSG_PEEK) == 1);
    MUST(pthread_create(&thread, NULL, arm_for_ever, &fd) == 0);
    // It has taken the event's reply.
    while (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1) {}
    pid_t child = fork();
    if (child == 0) {
        alarm(60); // instead of for ever
        fd = control();
        MUST(fd >= 0 && recv(fd, &byte, 1, MSG_PEEK) == 1);
        _exit(call(fd, DM_DEV_ARM_POLL) == 0 ? 0 : 2);
    }
    MUST(waitpid(child, &status, 0) == child);
    printf("child: %d\n", status);
    fflush(stdout);
    _exit(0); // the thread still waits
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    {"ask", ask},
    {"taken-names", taken_names},
    {"no-descriptors", no_descriptors},
    {"closed-descriptors", closed_descriptors},
    {"no-memory", no_memory},
    {"no-file-size", no_file_size},
    {"filtered", filtered},
    {"fork-in-arm", fork_in_arm},
};

int main(int count, char **arguments)
{
    MUST(count > 1);
    if (strcmp(arguments[1], "serve") == 0) {
        MUST(count > 3);
        kind = arguments[3];
        return serve_all(arguments[2], count > 4 ? arguments[4] : NULL);
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (strcmp(arguments[1], cases[i].name) == 0) {
            cases[i].run();
            return 0;
        }
    }
    return 1;
}
