// calls FILE: makes system calls and ioctls on a device, and prints one line for each: the call and
// what came of it. Run on a block device of a kernel and on a file of the mount, it says where they
// differ (docs/device-file.md). The device has 8 MiB, and loses its contents.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/hdreg.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SIZE (8L << 20)

static const char *path;
static unsigned char *page;

static const char *name_of(int error)
{
    const char *name = strerrorname_np(error);
    return name ? name : "?";
}

/// One line: a negative result is an errno.
static long say(const char *call, long result)
{
    if (result < 0)
        printf("%-44s %s\n", call, name_of(errno));
    else
        printf("%-44s %ld\n", call, result);
    return result;
}

/// The same where the number means nothing.
static void say_whether(const char *call, long result)
{
    if (result < 0)
        say(call, result);
    else
        printf("%-44s ok\n", call);
}

static int open_or_die(int flags)
{
    int file = open(path, flags | O_CLOEXEC);
    if (file < 0) {
        perror(path);
        exit(2);
    }
    return file;
}

static void reads_and_writes(void)
{
    int file = open_or_die(O_RDWR);
    say("pwrite 1000 at 333", pwrite(file, page, 1000, 333));
    say("pread 1000 at 333", pread(file, page, 1000, 333));
    say("pread 0", pread(file, page, 0, 0));
    say("pread across the end", pread(file, page, 4096, SIZE - 100));
    say("pread at the end", pread(file, page, 4096, SIZE));
    say("pread beyond the end", pread(file, page, 4096, 2 * SIZE));
    say("pwrite across the end", pwrite(file, page, 4096, SIZE - 100));
    say("pwrite at the end", pwrite(file, page, 4096, SIZE));
    say("pwrite 0 at the end", pwrite(file, page, 0, SIZE));
    say("pwrite beyond the end", pwrite(file, page, 4096, 2 * SIZE));
    say("pread at -1", pread(file, page, 512, -1));
    struct iovec parts[2] = {{page, 100}, {page + 512, 1000}};
    say("pwritev 100 + 1000 at 7", pwritev(file, parts, 2, 7));
    say("preadv 100 + 1000 at 7", preadv(file, parts, 2, 7));
    say("pwritev2 RWF_DSYNC", pwritev2(file, parts, 2, 0, RWF_DSYNC));
    say("preadv2 RWF_NOWAIT", preadv2(file, parts, 1, 0, RWF_NOWAIT));
    say("fsync", fsync(file));
    say("fdatasync", fdatasync(file));
    say("sync_file_range", sync_file_range(file, 0, 4096, SYNC_FILE_RANGE_WRITE));
    say("syncfs", syncfs(file));
    say("posix_fadvise DONTNEED", posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED));
    say("readahead", readahead(file, 0, 65536));
    close(file);

    file = open_or_die(O_RDONLY);
    say("write to O_RDONLY", pwrite(file, page, 512, 0));
    close(file);
    file = open_or_die(O_WRONLY | O_APPEND);
    say("write to O_APPEND", write(file, page, 512));
    close(file);
    file = open_or_die(O_RDWR | O_SYNC);
    say("write to O_SYNC", pwrite(file, page, 5000, 100));
    close(file);
    file = open_or_die(O_RDWR | O_TRUNC);
    say("size after O_TRUNC", lseek(file, 0, SEEK_END));
    close(file);
}

static void direct(void)
{
    int file = open_or_die(O_RDWR | O_DIRECT);
    say("O_DIRECT pwrite 4096 at 0", pwrite(file, page, 4096, 0));
    say("O_DIRECT pread 512 at 512", pread(file, page, 512, 512));
    say("O_DIRECT pread 512 at 100", pread(file, page, 512, 100));
    say("O_DIRECT pread 100 at 0", pread(file, page, 100, 0));
    say("O_DIRECT pwrite 512 at 100", pwrite(file, page, 512, 100));
    say("O_DIRECT pwrite 100 at 0", pwrite(file, page, 100, 0));
    say("O_DIRECT pread to odd memory", pread(file, page + 1, 512, 0));
    say("O_DIRECT pwrite from odd memory", pwrite(file, page + 1, 512, 0));
    say("O_DIRECT pread across the end", pread(file, page, 4096, SIZE - 512));
    say("O_DIRECT pread at the end", pread(file, page, 4096, SIZE));
    say("O_DIRECT pwrite across the end", pwrite(file, page, 4096, SIZE - 512));
    say("O_DIRECT pwrite at the end", pwrite(file, page, 4096, SIZE));
    say("O_DIRECT pread 100 at the end", pread(file, page, 100, SIZE));
    close(file);
    file = open_or_die(O_RDWR | O_DIRECT | O_DSYNC);
    say("O_DIRECT O_DSYNC pwrite", pwrite(file, page, 4096, 0));
    close(file);
}

static void positions(void)
{
    int file = open_or_die(O_RDONLY);
    say("lseek SEEK_END", lseek(file, 0, SEEK_END));
    say("lseek SEEK_SET at the end", lseek(file, SIZE, SEEK_SET));
    say("lseek SEEK_SET beyond the end", lseek(file, SIZE + 1, SEEK_SET));
    say("lseek SEEK_SET -1", lseek(file, -1, SEEK_SET));
    say("lseek SEEK_DATA 0", lseek(file, 0, SEEK_DATA));
    say("lseek SEEK_HOLE 0", lseek(file, 0, SEEK_HOLE));
    say("lseek SEEK_DATA at the end", lseek(file, SIZE, SEEK_DATA));
    say("lseek SEEK_HOLE at the end", lseek(file, SIZE, SEEK_HOLE));
    close(file);
}

static void allocations(void)
{
    static const struct {
        const char *name;
        int mode;
    } modes[] = {
        {"0", 0},
        {"KEEP_SIZE", FALLOC_FL_KEEP_SIZE},
        {"PUNCH_HOLE", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE},
        {"ZERO_RANGE", FALLOC_FL_ZERO_RANGE},
        {"ZERO_RANGE KEEP_SIZE", FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE},
        {"PUNCH_HOLE NO_HIDE_STALE",
         FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE | FALLOC_FL_NO_HIDE_STALE},
        {"COLLAPSE_RANGE", FALLOC_FL_COLLAPSE_RANGE},
        {"INSERT_RANGE", FALLOC_FL_INSERT_RANGE},
        {"UNSHARE_RANGE", FALLOC_FL_UNSHARE_RANGE},
    };
    static const struct {
        const char *name;
        long offset, length;
    } ranges[] = {
        {"4096 at 8192", 8192, 4096},
        {"512 at 512", 512, 512},
        {"512 at 100", 100, 512},
        {"100 at 512", 512, 100},
        {"across the end", SIZE - 512, 4096},
        {"at the end", SIZE, 4096},
    };
    char call[80];
    int file = open_or_die(O_RDWR);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        // What isn't supported isn't so in any range.
        size_t count = modes[i].mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE) ? 6 : 1;
        for (size_t j = 0; j < count; j++) {
            memset(page, 0x5a, 8192);
            if (pwrite(file, page, 8192, 0) < 0 || pwrite(file, page, 8192, 8192) < 0)
                exit(2);
            snprintf(call, sizeof call, "fallocate %s, %s", modes[i].name, ranges[j].name);
            say_whether(call,
                        fallocate(file, modes[i].mode, ranges[j].offset, ranges[j].length));
        }
    }
    for (int mode = 0; mode < 2; mode++) {
        memset(page, 0x5a, 8192);
        if (pwrite(file, page, 8192, 0) != 8192 ||
            fallocate(file,
                      FALLOC_FL_KEEP_SIZE | (mode ? FALLOC_FL_ZERO_RANGE : FALLOC_FL_PUNCH_HOLE),
                      512, 4096) != 0) {
            say(mode ? "bytes after a zero range" : "bytes after a hole", -1);
            continue;
        }
        pread(file, page, 8192, 0);
        int wrong = 0;
        for (int i = 0; i < 8192; i++)
            wrong += page[i] != (i < 512 || i >= 4608 ? 0x5a : 0);
        say(mode ? "wrong bytes after a zero range" : "wrong bytes after a hole", wrong);
    }
    close(file);
    file = open_or_die(O_RDONLY);
    say("fallocate PUNCH_HOLE of O_RDONLY",
        fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
    close(file);
    file = open_or_die(O_RDWR);
    say("ftruncate to 512", ftruncate(file, 512));
    say("truncate to 512", truncate(path, 512));
    say("size after these", lseek(file, 0, SEEK_END));
    close(file);
}

static sigjmp_buf back;
static void on_bus_error(int signal)
{
    (void)signal;
    siglongjmp(back, 1);
}

/// A mapping, and a byte of it: the byte, or what came instead.
static void map(const char *call, int open_flags, int protection, int flags, long offset)
{
    int file = open_or_die(open_flags);
    unsigned char *start = mmap(NULL, 4096, protection, flags, file, offset);
    if (start == MAP_FAILED) {
        say(call, -1);
    } else {
        signal(SIGBUS, on_bus_error);
        if (sigsetjmp(back, 1) == 0) {
            volatile unsigned char byte = start[100];
            if (protection & PROT_WRITE)
                start[100] = byte + 1;
            say_whether(call, msync(start, 4096, MS_SYNC));
        } else {
            printf("%-44s SIGBUS\n", call);
        }
        munmap(start, 4096);
    }
    close(file);
}

static void mappings(void)
{
    map("mmap shared", O_RDWR, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
    map("mmap private", O_RDONLY, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
    map("mmap shared, writable, of O_RDONLY", O_RDONLY, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
    map("mmap shared of O_DIRECT", O_RDWR | O_DIRECT, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
    map("mmap private of O_DIRECT", O_RDWR | O_DIRECT, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
    map("mmap shared, touched beyond the end", O_RDWR, PROT_READ, MAP_SHARED, SIZE);
}

static void copies(void)
{
    int file = open_or_die(O_RDWR), other = open_or_die(O_RDWR);
    int memory = memfd_create("calls", 0), ends[2];
    if (ftruncate(memory, 65536) != 0 || pipe(ends) != 0)
        exit(2);
    long position = 100;
    say("sendfile from it", sendfile(memory, file, &position, 5000));
    lseek(memory, 0, SEEK_SET);
    say("sendfile to it", sendfile(file, memory, NULL, 5000));
    loff_t from = 0, to = 65536;
    say("copy_file_range within it", copy_file_range(file, &from, other, &to, 4096, 0));
    from = 0, to = 0;
    say("copy_file_range to another", copy_file_range(file, &from, memory, &to, 4096, 0));
    from = 0;
    say("splice from it", splice(file, &from, ends[1], NULL, 4096, 0));
    to = 8192;
    say("splice to it", splice(ends[0], NULL, file, &to, 4096, 0));
    say("ioctl FICLONE", ioctl(file, FICLONE, other));
    close(file), close(other), close(memory), close(ends[0]), close(ends[1]);
}

static void locks(void)
{
    int file = open_or_die(O_RDWR), other = open_or_die(O_RDWR);
    say("flock LOCK_EX", flock(file, LOCK_EX | LOCK_NB));
    say("flock LOCK_EX of another open", flock(other, LOCK_EX | LOCK_NB));
    say("flock LOCK_UN", flock(file, LOCK_UN));
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 100};
    say("fcntl F_OFD_SETLK", fcntl(file, F_OFD_SETLK, &lock));
    lock.l_pid = 0;
    say("fcntl F_OFD_SETLK of another open", fcntl(other, F_OFD_SETLK, &lock));
    lock.l_type = F_UNLCK;
    say("fcntl F_OFD_SETLK F_UNLCK", fcntl(file, F_OFD_SETLK, &lock));
    lock.l_type = F_WRLCK;
    say("fcntl F_SETLK", fcntl(file, F_SETLK, &lock));
    say("fcntl F_SETLEASE", fcntl(file, F_SETLEASE, F_WRLCK));
    close(file), close(other);
}

static void attributes(void)
{
    struct stat status, later;
    struct statx extended;
    int file = open_or_die(O_RDWR);
    if (fstat(file, &status) != 0)
        exit(2);
    say("st_size", status.st_size);
    say("st_blksize", status.st_blksize);
    say("st_blocks", status.st_blocks);
    say("st_nlink", status.st_nlink);
    say("fchmod 0640", fchmod(file, 0640));
    fstat(file, &later);
    printf("%-44s %o\n", "mode after it", later.st_mode & 07777);
    say("chmod 06777", chmod(path, 06777));
    stat(path, &later);
    printf("%-44s %o\n", "mode after it", later.st_mode & 07777);
    say("fchmod back", fchmod(file, status.st_mode & 07777));
    say("fchown to its owner", fchown(file, status.st_uid, status.st_gid));
    struct timespec times[2] = {{1000, 5}, {2000, 6}};
    say("futimens", futimens(file, times));
    fstat(file, &later);
    printf("%-44s %ld.%ld %ld.%ld\n", "times after it", later.st_atim.tv_sec,
           later.st_atim.tv_nsec, later.st_mtim.tv_sec, later.st_mtim.tv_nsec);
    if (pwrite(file, page, 512, 0) != 512 || fsync(file) != 0)
        exit(2);
    fstat(file, &later);
    printf("%-44s %s\n", "mtime after a write", later.st_mtim.tv_sec > 2000 ? "now" : "as before");
    say("statx", statx(file, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_DIOALIGN, &extended));
    printf("%-44s %s\n", "statx STATX_DIOALIGN",
           extended.stx_mask & STATX_DIOALIGN ? "given" : "not given");
    say("fsetxattr user.x", fsetxattr(file, "user.x", "1", 1, 0));
    say("fgetxattr user.x", fgetxattr(file, "user.x", page, 10));
    say("flistxattr", flistxattr(file, NULL, 0));
    close(file);
}

static void opens(void)
{
    int flags[] = {O_EXCL | O_RDWR, O_CREAT | O_RDWR, O_CREAT | O_EXCL | O_RDWR,
                   O_DIRECTORY | O_RDONLY, O_NOATIME | O_RDONLY, O_NONBLOCK | O_RDWR};
    const char *names[] = {"open O_EXCL", "open O_CREAT", "open O_CREAT O_EXCL",
                           "open O_DIRECTORY", "open O_NOATIME", "open O_NONBLOCK"};
    for (int i = 0; i < 6; i++) {
        int file = open(path, flags[i], 0600);
        say_whether(names[i], file);
        if (file >= 0)
            close(file);
    }
    int first = open(path, O_EXCL | O_RDWR), second = open(path, O_EXCL | O_RDWR);
    say_whether("open O_EXCL, a second time", second);
    close(first), close(second);
    int file = open_or_die(O_RDWR);
    struct pollfd polled = {.fd = file, .events = POLLIN | POLLOUT};
    say("poll", poll(&polled, 1, 0));
    int set = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    say("epoll_ctl", epoll_ctl(set, EPOLL_CTL_ADD, file, &event));
    close(set), close(file);
}

/// An ioctl, and, if it gives a number, which.
static void control(const char *name, unsigned long command, int size)
{
    int file = open_or_die(O_RDWR);
    uint64_t value = 0;
    char call[80];
    snprintf(call, sizeof call, "ioctl %s", name);
    if (ioctl(file, command, &value) < 0)
        say(call, -1);
    else if (size == 0)
        say_whether(call, 0);
    else
        say(call, size == 2 ? (long)(uint16_t)value
                            : size == 4 ? (long)(int32_t)value : (long)value);
    close(file);
}

static void controls(void)
{
    control("BLKGETSIZE64", BLKGETSIZE64, 8);
    control("BLKGETSIZE", BLKGETSIZE, 8);
    control("BLKSSZGET", BLKSSZGET, 4);
    control("BLKPBSZGET", BLKPBSZGET, 4);
    control("BLKBSZGET", BLKBSZGET, 4);
    control("BLKIOMIN", BLKIOMIN, 4);
    control("BLKIOOPT", BLKIOOPT, 4);
    control("BLKALIGNOFF", BLKALIGNOFF, 4);
    control("BLKROGET", BLKROGET, 4);
    control("BLKRAGET", BLKRAGET, 8);
    control("BLKFRAGET", BLKFRAGET, 8);
    control("BLKSECTGET", BLKSECTGET, 2);
    control("BLKROTATIONAL", BLKROTATIONAL, 2);
    control("BLKDISCARDZEROES", BLKDISCARDZEROES, 4);
    control("BLKFLSBUF", BLKFLSBUF, 0);
    control("BLKRRPART", BLKRRPART, 0);
    control("FIGETBSZ", FIGETBSZ, 4);
    control("FIBMAP", FIBMAP, 4);
    control("FS_IOC_GETFLAGS", FS_IOC_GETFLAGS, 0);
    struct hd_geometry geometry = {0};
    struct {
        const char *name;
        unsigned long command;
        uint64_t range[2];
    } changes[] = {
        {"BLKDISCARD", BLKDISCARD, {4096, 4096}},
        {"BLKDISCARD unaligned", BLKDISCARD, {100, 4096}},
        {"BLKZEROOUT", BLKZEROOUT, {4096, 4096}},
        {"BLKZEROOUT beyond the end", BLKZEROOUT, {SIZE, 4096}},
        {"BLKSECDISCARD", BLKSECDISCARD, {4096, 4096}},
    };
    int file = open_or_die(O_RDWR);
    char call[80];
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        snprintf(call, sizeof call, "ioctl %s", changes[i].name);
        say(call, ioctl(file, changes[i].command, changes[i].range));
    }
    say_whether("ioctl HDIO_GETGEO", ioctl(file, HDIO_GETGEO, &geometry));
    int yes = 1;
    say("ioctl BLKROSET", ioctl(file, BLKROSET, &yes));
    yes = 0;
    ioctl(file, BLKROSET, &yes);
    say("ioctl BLKRASET 256", ioctl(file, BLKRASET, 256));
    say("ioctl 0x1234", ioctl(file, 0x1234, &yes));
    close(file);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return fprintf(stderr, "usage: calls FILE\n"), 2;
    path = argv[1];
    if (posix_memalign((void **)&page, 4096, 65536) != 0)
        return 2;
    memset(page, 0x5a, 65536);
    setvbuf(stdout, NULL, _IOLBF, 0);
    // A second descriptor keeps what the first has set.
    int file = open_or_die(O_RDONLY);
    reads_and_writes();
    direct();
    positions();
    allocations();
    mappings();
    copies();
    locks();
    opens();
    attributes();
    controls();
    close(file);
    return 0;
}
