// Speaks device-mapper's ioctls itself, as a program under `dmfuse run`: descriptors that are
// duplicated, inherited and shared by threads, buffers, poll, signals.
#include "must.h"

#include <linux/blkpg.h>
#include <linux/fs.h>
#include <linux/hdreg.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

enum { head_size = offsetof(struct dm_ioctl, data), buffer_size = 4096, rounds = 200 };

struct buffer {
    struct dm_ioctl head;
    char rest[buffer_size];
};

static void prepare(struct buffer *buffer, const char *name)
{
    memset(buffer, 0, sizeof *buffer);
    buffer->head.version[0] = 4;
    buffer->head.data_size = sizeof *buffer;
    buffer->head.data_start = sizeof buffer->head;
    strcpy(buffer->head.name, name);
}

static int control(void)
{
    int fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
    MUST(fd >= 0);
    return fd;
}

static int call(int fd, unsigned long request, const char *name)
{
    struct buffer buffer;
    prepare(&buffer, name);
    return ioctl(fd, request, &buffer);
}

// A device of eight sectors of zeros, whose event number goes up when it is renamed.
static void make(int fd, const char *name)
{
    struct buffer buffer;
    MUST(call(fd, DM_DEV_CREATE, name) == 0);
    prepare(&buffer, name);
    struct dm_target_spec *spec = (void *)(&buffer.head + 1);
    *spec = (struct dm_target_spec){.length = 8, .next = sizeof *spec + 8, .target_type = "zero"};
    buffer.head.target_count = 1;
    MUST(ioctl(fd, DM_TABLE_LOAD, &buffer) == 0);
    MUST(call(fd, DM_DEV_SUSPEND, name) == 0); // resumes
}

static int rename_device(int fd, const char *name, const char *other, unsigned flags)
{
    struct buffer buffer;
    prepare(&buffer, name);
    buffer.head.flags = flags;
    strcpy((char *)(&buffer.head + 1), other);
    return ioctl(fd, DM_DEV_RENAME, &buffer);
}

// MARK: Buffers

static void node(void)
{
    struct stat status;
    struct statx extended;
    int fd = control();
    MUST(fstat(fd, &status) == 0 && S_ISCHR(status.st_mode));
    MUST(status.st_rdev == makedev(10, 236));
    MUST(stat("/dev/mapper/control", &status) == 0 && status.st_rdev == makedev(10, 236));
    MUST(lstat("/dev/mapper/control", &status) == 0 && S_ISCHR(status.st_mode));
    MUST(statx(AT_FDCWD, "/dev/mapper/control", 0, STATX_ALL, &extended) == 0);
    MUST(S_ISCHR(extended.stx_mode) && extended.stx_rdev_minor == 236);
    close(fd);
    // The number is another file's now.
    MUST(open("/dev/null", O_RDWR) == fd);
    REFUSED(ENOTTY, call(fd, DM_VERSION, ""));
    close(fd);
    REFUSED(EBADF, call(fd, DM_VERSION, ""));
}

static void buffers(void)
{
    int fd = control();
    struct buffer buffer, before;
    prepare(&buffer, "");
    buffer.head.version[1] = 99;
    REFUSED(EINVAL, ioctl(fd, DM_VERSION, &buffer));
    MUST(buffer.head.version[1] == 47);
    REFUSED(EFAULT, ioctl(fd, DM_VERSION, NULL));
    REFUSED(EFAULT, ioctl(fd, DM_LIST_DEVICES, (void *)16));
    prepare(&buffer, "");
    REFUSED(ENOTTY, ioctl(fd, _IOWR(DM_IOCTL, 99, struct dm_ioctl), &buffer));
    MUST(buffer.head.version[1] == 47);
    prepare(&buffer, "");
    buffer.head.data_size = head_size - 1;
    REFUSED(EINVAL, ioctl(fd, DM_LIST_DEVICES, &buffer));
    MUST(buffer.head.version[1] == 47);
    buffer.head.data_size = UINT32_MAX;
    REFUSED(EINVAL, ioctl(fd, DM_LIST_DEVICES, &buffer));
    // A failure writes back the version alone.
    prepare(&before, "nosuch");
    buffer = before;
    REFUSED(ENXIO, ioctl(fd, DM_TABLE_STATUS, &buffer));
    memcpy(before.head.version, buffer.head.version, sizeof before.head.version);
    MUST(memcmp(&before, &buffer, sizeof buffer) == 0);
    // What doesn't fit is no failure, and nothing is written behind the buffer. Bits that nobody
    // knows stay.
    make(fd, "a-rather-long-name");
    prepare(&buffer, "");
    memset(buffer.rest, 'x', sizeof buffer.rest);
    buffer.head.data_size = sizeof buffer.head + 16;
    buffer.head.flags = 4;
    MUST(ioctl(fd, DM_LIST_DEVICES, &buffer) == 0);
    MUST(buffer.head.flags == (4 | DM_BUFFER_FULL_FLAG));
    for (size_t i = 16; i < sizeof buffer.rest; i++)
        MUST(buffer.rest[i] == 'x');
    close(fd);
}

// Memory that isn't the program's to read, to its claimed end, or to write.
static void unfit_memory(void)
{
    int fd = control();
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(pages != MAP_FAILED && mprotect(pages + 4096, 4096, PROT_NONE) == 0);
    struct dm_ioctl *head = (void *)pages;
    *head = (struct dm_ioctl){.version = {4}, .data_size = 1 << 30, .data_start = 1 << 29};
    REFUSED(EFAULT, ioctl(fd, DM_LIST_DEVICES, head));
    head->data_size = 4096;
    MUST(ioctl(fd, DM_LIST_DEVICES, head) == 0); // no data, so it doesn't matter where they would be
    REFUSED(EFAULT, ioctl(fd, DM_DEV_STATUS, pages + 4096 - 64));
    MUST(mprotect(pages, 4096, PROT_READ) == 0);
    REFUSED(EFAULT, ioctl(fd, DM_LIST_DEVICES, head));
    REFUSED(EFAULT, ioctl(fd, DM_VERSION, head));
    munmap(pages, 8192);
    // Still good.
    MUST(call(fd, DM_LIST_DEVICES, "") == 0);
    close(fd);
}

// DM_SECURE_DATA: a key doesn't stay in the program's buffer, whatever becomes of it.
static void secure(void)
{
    int fd = control();
    struct buffer buffer;
    for (int good = 0; good < 2; good++) {
        prepare(&buffer, good ? "a-rather-long-name" : "nosuch");
        struct dm_target_spec *spec = (void *)(&buffer.head + 1);
        *spec = (struct dm_target_spec){.length = 8, .next = 128, .target_type = "zero"};
        buffer.head.target_count = 1;
        buffer.head.flags = DM_SECURE_DATA_FLAG;
        strcpy(buffer.rest + 1024, "a key");
        if (good)
            MUST(ioctl(fd, DM_TABLE_LOAD, &buffer) == 0);
        else
            REFUSED(ENXIO, ioctl(fd, DM_TABLE_LOAD, &buffer));
        for (size_t i = 0; i < sizeof buffer.rest; i++)
            MUST(buffer.rest[i] == 0);
    }
    MUST(call(fd, DM_DEV_REMOVE, "a-rather-long-name") == 0);
    close(fd);
}

// MARK: Who holds it

static void *ask_often(void *argument)
{
    int fd = *(int *)argument;
    for (int i = 0; i < rounds; i++) {
        struct buffer buffer;
        prepare(&buffer, "");
        MUST(ioctl(fd, DM_LIST_DEVICES, &buffer) == 0);
        struct dm_name_list *list = (void *)((char *)&buffer + buffer.head.data_start);
        MUST(strcmp(list->name, "shared") == 0);
        REFUSED(ENXIO, call(fd, DM_DEV_STATUS, "nosuch"));
    }
    return NULL;
}

static void ask_from_threads(int fd)
{
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        MUST(pthread_create(&threads[i], NULL, ask_often, &fd) == 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

static void ends_well(pid_t child)
{
    int status;
    MUST(waitpid(child, &status, 0) == child && status == 0);
}

// Threads of two processes, a duplicate and a program that inherited it, all at once.
static void shared(const char *program)
{
    int fd = control(), copy = dup(fd);
    make(fd, "shared");
    MUST(copy >= 0);
    pid_t child = fork();
    if (child == 0) {
        close(fd);
        ask_from_threads(copy);
        _exit(0);
    }
    pid_t other = fork();
    if (other == 0) {
        char number[16];
        snprintf(number, sizeof number, "%d", copy);
        MUST(fcntl(copy, F_SETFD, 0) == 0);
        execl(program, program, "inherited", number, NULL);
        _exit(1);
    }
    ask_from_threads(fd);
    ends_well(child);
    ends_well(other);
    MUST(call(copy, DM_DEV_REMOVE, "shared") == 0);
    close(copy);
    close(fd);
}

// MARK: poll

static bool is_readable(int fd, int milliseconds)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    return poll(&polled, 1, milliseconds) == 1 && polled.revents == POLLIN;
}

static void events(void)
{
    int fd = control(), other = control();
    MUST(!is_readable(fd, 0));
    make(other, "event"); // several events
    MUST(is_readable(fd, 10000));
    MUST(is_readable(fd, 0));
    MUST(call(fd, DM_DEV_ARM_POLL, "") == 0);
    MUST(!is_readable(fd, 0));
    MUST(call(fd, DM_DEV_ARM_POLL, "") == 0);
    MUST(!is_readable(fd, 0));
    MUST(rename_device(other, "event", "event2", 0) == 0);
    MUST(is_readable(fd, 10000));
    // A child arms it for itself; the parent's stays as it is.
    pid_t child = fork();
    if (child == 0) {
        MUST(call(fd, DM_DEV_ARM_POLL, "") == 0);
        MUST(!is_readable(fd, 0));
        MUST(rename_device(other, "event2", "event", 0) == 0);
        MUST(is_readable(fd, 10000));
        _exit(0);
    }
    ends_well(child);
    MUST(is_readable(fd, 0));
    MUST(call(fd, DM_DEV_ARM_POLL, "") == 0);
    MUST(!is_readable(fd, 0));
    MUST(call(other, DM_DEV_REMOVE, "event") == 0);
    MUST(is_readable(fd, 10000));
    close(fd);
    close(other);
}

// MARK: Waiting

static void nothing(int number) { (void)number; }

static void *wait_for_event(void *argument)
{
    MUST(call(*(int *)argument, DM_DEV_WAIT, "waited") == 0);
    return NULL;
}

static void waiting(void)
{
    int fd = control();
    make(fd, "waited");
    // A signal ends a wait.
    struct sigaction action = {.sa_handler = nothing};
    sigaction(SIGALRM, &action, NULL);
    ualarm(50000, 50000);
    REFUSED(EINTR, call(fd, DM_DEV_WAIT, "waited"));
    ualarm(0, 0);
    // Another thread's commands go on meanwhile, on the same descriptor.
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, wait_for_event, &fd) == 0);
    MUST(call(fd, DM_DEV_STATUS, "waited") == 0);
    MUST(rename_device(fd, "waited", "a uuid", DM_UUID_FLAG) == 0); // an event
    pthread_join(thread, NULL);
    MUST(call(fd, DM_DEV_REMOVE, "waited") == 0);
    close(fd);
}

// MARK: Device files

static void ranges(void)
{
    int fd = control();
    make(fd, "zeros");
    int writable = open("/dev/mapper/zeros", O_RDWR), readable = open("/dev/mapper/zeros", O_RDONLY);
    MUST(writable >= 0 && readable >= 0);
    uint64_t whole[2] = {0, 4096}, odd[2] = {1, 512}, beyond[2] = {0, 8192};
    uint64_t wrapping[2] = {512, UINT64_MAX - 511};
    REFUSED(EBADF, ioctl(readable, BLKZEROOUT, whole));
    REFUSED(EINVAL, ioctl(writable, BLKZEROOUT, odd));
    REFUSED(EINVAL, ioctl(writable, BLKZEROOUT, beyond));
    REFUSED(EINVAL, ioctl(writable, BLKZEROOUT, wrapping));
    MUST(ioctl(writable, BLKZEROOUT, whole) == 0);
    REFUSED(EBADF, ioctl(readable, BLKDISCARD, whole));
    // The zero target takes none, whatever is asked.
    REFUSED(EOPNOTSUPP, ioctl(writable, BLKDISCARD, whole));
    REFUSED(EOPNOTSUPP, ioctl(writable, BLKDISCARD, odd));
    REFUSED(EOPNOTSUPP, ioctl(writable, BLKDISCARD, NULL));
    struct stat status;
    MUST(fstat(readable, &status) == 0 && S_ISBLK(status.st_mode) && status.st_rdev != 0);
    close(writable);
    close(readable);
    MUST(call(fd, DM_DEV_REMOVE, "zeros") == 0);
    close(fd);
}

// A wrong pointer is EFAULT; a request that was kept in an int is the same request.
static void arguments_of_ioctls(void)
{
    static const unsigned requests[] = {
        BLKGETSIZE64, BLKGETSIZE, BLKSSZGET, BLKPBSZGET, BLKBSZGET, BLKIOMIN, BLKIOOPT, BLKALIGNOFF,
        BLKROGET, BLKZEROOUT, BLKSECTGET, BLKROTATIONAL, BLKDISCARDZEROES, BLKROSET, BLKPG};
    // These look at it first.
    static const unsigned others[] = {BLKRAGET, BLKFRAGET, BLKBSZSET, HDIO_GETGEO};
    int fd = control();
    make(fd, "zeros");
    int device = open("/dev/mapper/zeros", O_RDWR);
    MUST(device >= 0);
    for (unsigned i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        REFUSED(EFAULT, ioctl(device, requests[i], NULL));
        REFUSED(EFAULT, ioctl(device, requests[i], (void *)16));
    }
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) {
        REFUSED(EINVAL, ioctl(device, others[i], NULL));
        REFUSED(EFAULT, ioctl(device, others[i], (void *)16));
    }
    int size = 0;
    errno = 99;
    MUST(ioctl(device, (unsigned long)(int)BLKBSZGET, &size) == 0 && size >= 512 && errno == 99);
    close(device);
    MUST(call(fd, DM_DEV_REMOVE, "zeros") == 0);
    close(fd);
}

ssize_t __readlink_chk(const char *path, char *target, size_t size, size_t room);
ssize_t __readlinkat_chk(int directory, const char *path, char *target, size_t size, size_t room);

// What is a node to stat isn't a link to readlink, whatever way it is reached.
static void links(void)
{
    char target[64];
    int fd = control();
    make(fd, "linked");
    int directory = open("/dev/mapper", O_PATH | O_DIRECTORY);
    MUST(directory >= 0);
    struct stat status;
    MUST(fstatat(directory, "linked", &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISBLK(status.st_mode));
    REFUSED(EINVAL, readlink("/dev/mapper/linked", target, sizeof target));
    REFUSED(EINVAL, readlinkat(directory, "linked", target, sizeof target));
    REFUSED(EINVAL, __readlink_chk("/dev/mapper/linked", target, sizeof target, sizeof target));
    REFUSED(EINVAL, __readlinkat_chk(directory, "linked", target, sizeof target, sizeof target));
    close(directory);
    MUST(call(fd, DM_DEV_REMOVE, "linked") == 0);
    close(fd);
}

int main(int count, char **arguments)
{
    if (count == 3 && strcmp(arguments[1], "inherited") == 0) {
        ask_from_threads(atoi(arguments[2]));
        return 0;
    }
    node();
    buffers();
    unfit_memory();
    secure();
    shared(arguments[0]);
    events();
    waiting();
    ranges();
    arguments_of_ioctls();
    links();
    return 0;
}
