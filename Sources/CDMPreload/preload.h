// What the files of libdmfuse-preload share.
//
// The library stands between a program and the C library (LD_PRELOAD). Calls that concern the mount
// are answered as a kernel with device-mapper would; all others go on as they came. It keeps no state
// of descriptors or devices, so that fork, exec, dup and threads need no care: what a descriptor is,
// the kernel is asked when it matters. Its own system calls are raw: no cancellation points, safe in
// signal handlers, and never its own wrappers.
//
// It runs on whatever stack the program has: no frame is larger than scripts/build allows. What needs
// more room gets pages of its own for the time of the call (`room_for`). No lock, no heap.
#ifndef DMFUSE_PRELOAD_H
#define DMFUSE_PRELOAD_H

#undef _FORTIFY_SOURCE
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

// Texts have a known length (`struct text`) and rooms an end (`struct writer`). These know neither,
// and printing takes more than 1 KiB of stack.
#pragma GCC poison strcpy strcat stpcpy sprintf vsprintf snprintf vsnprintf sscanf strtol strtoul

// A part of a function whose frame isn't to be there while the rest runs.
#define APART __attribute__((noinline))

// What others see of the library; everything else is hidden.
#define EXPORTED __attribute__((visibility("default")))
#pragma GCC visibility push(hidden)

// The number of the kernel's control device, which libdevmapper insists on.
enum { control_major = 10, control_minor = 236 };

// MARK: text.c

// Bytes of which so many may be looked at. They may be the program's, and change meanwhile: nothing
// here relies on what it read before.
struct text {
    const char *at;
    size_t left;
};
bool is_text(struct text text, const char *word);
// Steps over a word, a number of 32 bits in decimal digits, any of some bytes. The first two: false
// and nothing done if it doesn't stand there.
bool take(struct text *text, const char *word);
bool take_number(struct text *text, unsigned *number);
void take_any(struct text *text, const char *bytes);

// Writes up to the end of its room and no further.
struct writer {
    char *at, *end;
    bool is_full; // something didn't fit
};
void put(struct writer *writer, const char *bytes, size_t size);
void put_word(struct writer *writer, const char *word);
void put_number(struct writer *writer, uint64_t number);
// A byte as libdevmapper mangles it: \x and two digits.
void put_mangled(struct writer *writer, char byte);

// MARK: memory.c

// The length of a path of the program's. 0: empty, not readable to its end, or not shorter than
// PATH_MAX: nobody but the kernel looks at it, which has the right errno.
size_t program_text(const char *path);
// Bytes at the program's pointers: 0, or -1 and EFAULT.
int read_memory(void *to, const void *from, size_t size);
int write_memory(void *to, const void *from, size_t size);
// Sets errno: -1.
int fail(int error);

// MARK: mount.c

// Set by `dmfuse run`: the mount, absolute and without a slash at its end. NULL: the library does
// nothing. The length is PATH_MAX if no path can lead there.
const char *mount_directory(void);
size_t mount_directory_length(void);
// Where the daemon's reasons are collected; NULL: nowhere.
const char *reasons_file(void);
// Block major of the mapped devices.
unsigned mapped_major(void);
void set_mapped_major(unsigned major);
// Looks anew which file system is mounted there.
void find_mount_device(void);

enum node { no_node, device_node, link_node, control_link };
// What `stat` told of a file; `minor` is set for devices and links to them.
enum node node_of(dev_t device, ino_t inode, unsigned *minor);
// Whether a descriptor is an open device file.
bool is_device(int fd, struct stat *status);
enum directory { no_directory, mount_root, mapper_directory };
// Which directory of the mount a file is.
enum directory directory_of(dev_t device, ino_t inode);

// MARK: paths.c

// A path that a call goes on with.
struct path {
    const char *bytes;
    // How much of it may be looked at; 0: nothing, it is for the kernel alone.
    size_t length;
    char *mapped; // PATH_MAX bytes, where `own` didn't do; or NULL
    char own[176];
};
// A thread that is cancelled within its call leaves the pages behind.
void release(struct path *path);
// Room for so many bytes, at most PATH_MAX, as long as the path lives. NULL and ENOMEM.
char *room_for(struct path *path, size_t size);
// The path that is meant: what stands below /dev/mapper, and /dev/dm-N, is below the mount. The
// program's own if it is none of these. false: ENOMEM.
bool lead(const char *path, struct path *meant);
// Declares `meant`, for the rest of the block; returns `failed` when that fails.
#define LEAD(meant, given, failed)                                                                 \
    __attribute__((cleanup(release))) struct path meant;                                           \
    if (!lead(given, &meant))                                                                      \
        return failed
// The path of `rest` below the mount, which begins with a slash; as `lead`.
bool below_mount(const char *rest, struct path *made);
// Whether a path, after `lead`, is by its text an entry of the mount's mapper directory.
bool is_in_mapper(const struct path *path);
// Whether the control device is meant, through whatever links.
bool is_control(int directory, const struct path *path);

// MARK: listing.c

// A directory that shows more than the kernel has there.
struct listing {
    const char *machine; // its path; NULL: it is the mount's own, of which only types are changed
    const char *rest;    // the mount's directory from which the rest comes, below the mount
    // Names that the kernel may have there and that aren't shown.
    bool (*hides)(struct text name);
    // How a name of the mount's directory is shown, and its type (DT_BLK and the like); false: it
    // isn't, or in a directory of the mount's own: as it is.
    bool (*shows)(struct text name, struct writer *shown, unsigned char *type);
};
// NULL: it shows what the kernel has.
const struct listing *listing_of(int fd);
// Positions from here on are those in the mount's directory. Beyond all that the kernel's directories
// give, and not beyond what they take (2^32 - 1).
static const long position_in_mount = 1L << 31;

// MARK: streams.c

struct __dirstream;
// A stream that was opened, and may be of such a directory.
struct __dirstream *remember_stream(struct __dirstream *stream);

// MARK: control.c

// As `open` does: -1 and errno, or a descriptor.
int control_open(int flags);
bool is_control_socket(int fd);
// `fd` matters to DM_DEV_ARM_POLL alone.
int control_ioctl(int fd, unsigned long request, void *argument);

// MARK: connection.c

struct iovec;
// Sends all of it. -1 and errno. A signal doesn't end it: what was begun is sent.
int send_all(int fd, struct iovec *parts, size_t count, void *control, size_t control_size);
// Receives exactly that much. -1 and errno; ENOTCONN: the daemon is gone.
int receive_all(int fd, void *bytes, size_t size);
// The errno in a reply: 0, or -1 and errno; EPROTO if it is none.
int take_error(int32_t error);
// A greeted connection to the daemon; `named` by `name_socket`. -1 and errno; EACCES: what answers is
// neither ours nor root's.
int connect_daemon(bool named, bool closes_on_exec);
// The process that made a control descriptor; -1: it is none.
int namer(int fd);

// MARK: block.c

// Answers an ioctl by a value of a type.
#define GIVE(type, value) write_memory(argument, &(type){value}, sizeof(type))
int block_ioctl(int fd, const struct stat *status, unsigned request, void *argument);

// MARK: settings.c

// Whether the caller may change what isn't the contents of a device.
bool may_set(const struct stat *status);
// What isn't in block.c; what neither knows goes on to the file system.
int settings_ioctl(int fd, const struct stat *status, unsigned request, void *argument);

// MARK: proc.c

// A descriptor of /proc/devices with the mapped devices' major in it.
int proc_devices_open(int flags);
// A descriptor of a file in memory with these texts.
int text_open(const struct text *parts, size_t count, int flags);

// MARK: sysfs.c

// Whether a path is one of the files about mapped devices; then `fd` is it, or -1 and errno.
bool sysfs_open(const struct path *path, int flags, int *fd);
// The length of a mapped device's link, or -1 and errno; 0: it is none.
ssize_t sysfs_readlink(const struct path *path, char *target, size_t size);

// MARK: raw.c: system calls

int raw_open(const char *path, int flags);
int raw_stat(int directory, const char *path, struct stat *status, int flags);
bool raw_exists(const char *path);
long raw_readlink(const char *path, char *target, size_t size);
void raw_close(int fd);
// Without the signals that the program would not expect: SIGPIPE, and SIGXFSZ.
long raw_write(int fd, const void *bytes, size_t size);
// Pages that nobody else has; NULL and ENOMEM. `errno` stays otherwise.
void *map(size_t size);
void unmap(void *pages, size_t size);

// MARK: next.c

// The definition that comes after ours, of a function that has one in every C library we know. All
// are found when the library is loaded, since dlsym isn't for signal handlers, nor for the child of
// a process with threads; what is called earlier finds its own.
struct next {
    void *found;
    const char *name;
};
void *find_next(struct next *next);
#define NEXT(function)                                                                             \
    ({                                                                                             \
        static struct next next __attribute__((section("dmfuse_next"), used)) = {NULL, #function}; \
        (__typeof__(&function))(__atomic_load_n(&next.found, __ATOMIC_RELAXED) ?: find_next(&next)); \
    })

#pragma GCC visibility pop
#endif
