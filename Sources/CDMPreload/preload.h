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
// Steps over what is before a byte, or over all, and over that byte: a line, a word.
struct text take_until(struct text *text, char end);

// Writes up to the end of its room and no further.
struct writer {
    char *at, *end;
    bool is_full; // something didn't fit
};
void put(struct writer *writer, const char *bytes, size_t size);
void put_word(struct writer *writer, const char *word);
void put_number(struct writer *writer, uint64_t number);

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
struct path;
// Whether a path, after `lead`, leads to a mapped device.
bool is_mapped(int directory, const struct path *path, unsigned *minor);

// MARK: room.c

// A path that a call goes on with.
struct path {
    const char *bytes;
    // How much of it may be looked at; 0: nothing, it is for the kernel alone.
    size_t length;
    char *mapped;    // PATH_MAX bytes, where `own` didn't do; or NULL
    bool is_ours;    // it is the mount's, or was led; false where that isn't known
    bool is_number;  // it was a link by number in /dev/block, which is left behind
    bool is_numbers; // it is /dev/block, which the machine hasn't
    bool is_sysfs;   // it was one of sysfs, and is one below DIR/block
    const char *link; // in sysfs it is a link to this and the path's last name; or NULL
    char own[144];
};
// A thread that is cancelled within its call leaves the pages behind.
void release(struct path *path);
// Room for so many bytes, at most PATH_MAX, as long as the path lives. NULL and ENOMEM.
char *room_for(struct path *path, size_t size);
// Copies the bytes into the path's own room; false and ENOMEM.
bool keep(struct path *path);

// The path of `rest`, which is empty or begins with a slash, below the mount. false and ENOMEM; where
// it would be too long, it is one that the kernel refuses.
bool lead_below_mount(struct path *path, struct text rest);
// The same of a word, into a path that is made so.
bool below_mount(const char *rest, struct path *made);

// MARK: paths.c

// How a call uses a path, bits of it.
enum {
    itself = 1,  // a link in the end is meant itself
    changes = 2, // it may make a new name, or write
    asks = 4,    // with `itself`: it only asks, and answers itself for a link by number, which isn't there
    alters = 8,  // it removes, renames or alters a file: a name of /dev isn't meant by the same in the mount
};
// The path that is meant, absolute if it is another than the program's: what stands below /dev/mapper,
// and /dev/dm-N, is below the mount. false and ENOMEM.
bool lead_at(int directory, const char *path, unsigned how, struct path *meant);
// When the call has failed: whether another path is meant, to which only its links lead. Then `meant` is
// set anew. `errno` stays.
bool lead_after(int directory, unsigned how, struct path *meant);
// When the call has failed: whether the path is relative to the mapper directory. Then it is absolute.
bool lead_from_mapper(int directory, unsigned how, struct path *meant);
// Where a path, after `lead_at`, is a node of one of the mount's devices that somebody made elsewhere, as
// libdevmapper does in a device directory of its own: makes it the device's path. The kernel knows no device
// of that number, so opening it has failed with ENXIO, or would. false: it is none, or ENOMEM.
bool lead_from_node(int directory, struct path *meant);
// Declares `meant`, for the rest of the block; returns `failed` when that fails.
#define LEAD_AT(meant, directory, given, how, failed)                                              \
    __attribute__((cleanup(release))) struct path meant;                                           \
    if (!lead_at(directory, given, how, &meant))                                                   \
        return failed
#define LEAD(meant, given, failed) LEAD_AT(meant, AT_FDCWD, given, 0, failed)
// The result of a call with `meant`, once more if it failed and `lead_after` knows better.
#define CALL_LED(meant, directory, how, failed, call)                                              \
    ({                                                                                             \
        int error_before = errno;                                                                  \
        __typeof__(call) result_of_call = call;                                                    \
        if (result_of_call == (failed) && lead_after(directory, how, &meant)) {                    \
            errno = error_before;                                                                  \
            result_of_call = call;                                                                 \
        }                                                                                          \
        result_of_call;                                                                            \
    })

// Whether a path has a component that the mount's paths have; and whether it has one that is `..`.
bool has_hint(struct text text, bool *goes_up);
// Whether a path, after `lead_at`, is by its text an entry of the mount's mapper directory.
bool is_in_mapper(const struct path *path);
// Whether the control device is meant, through whatever links.
bool is_control(int directory, const struct path *path);

// What a path is by its text.
enum place {
    no_place,
    place_of_ours,   // the mount, or its mapper directory
    place_of_node,   // a device of the mount, or control
    place_of_number, // MAJOR:MINOR in /dev/block
};
enum place place_of(struct text path);
// Whether it is the mount or /dev, or below one.
bool is_near(struct text path);
// Steps over the mount's directory, up to a slash or the end.
bool take_mount(struct text *text);
// Steps over a name in front, with slashes and "./" before it, up to a slash or the end. false and
// nothing done if it doesn't stand there.
bool take_name(struct text *text, const char *name);
// The same of /dev: the path is absolute, since "dev" may be anywhere.
bool take_dev(struct text *text);

enum walked {
    walked_elsewhere, // it isn't the mount's: nothing is changed
    walked_ours,
    walked_nowhere, // ENOMEM
};
// What a path without links leads to; `is_ours`: even if that doesn't show by its text.
enum walked lead_walked(struct path *path, unsigned how, bool is_ours);

// MARK: made.c

// When a call has failed that was to make a name below /dev, or to change one: whether the same name in
// the mount is meant. Then `meant` is set anew. `errno` stays.
bool lead_to_made(struct path *meant);

// MARK: nodes.c

// Forgets what this thread has just done to nodes. The node that it removed; 0: none.
ino_t forget_nodes(void);

// MARK: open.c

// How a call with these flags of open(2) uses its path.
unsigned how_of_open(int flags);
// The flags for a path after `lead_at`.
int flags_of_open(int flags, const struct path *path);

// MARK: listing.c

// A directory that shows more than the kernel has there.
struct listing {
    const char *machine; // its path; NULL: it is the mount's own, of which only types are changed
    const char *rest;    // the mount's directory from which the rest comes, below the mount; NULL: it
                         // depends on the directory
    // Names that the kernel may have there and that aren't shown.
    bool (*hides)(struct text name);
    // How a name of the mount's directory is shown, and its type (DT_BLK and the like); false: it
    // isn't, or in a directory of the mount's own: as it is.
    bool (*shows)(struct text name, struct writer *shown, unsigned char *type);
    // sysfs takes no position beyond its own: only streams show the rest, which remember where they are.
    bool is_of_streams;
};
// NULL: it shows what the kernel has.
const struct listing *listing_of(int fd);
// Where the rest of an open directory comes from. false: nowhere, or ENOMEM.
bool listing_rest(const struct listing *listing, int fd, struct path *made);
// Of the mount, where it stands for /dev/block.
extern const struct listing listing_of_numbers;
// Positions from here on are those in the mount's directory. Beyond all that the kernel's directories
// give, and not beyond what they take (2^32 - 1).
static const long position_in_mount = 1L << 31;

// MARK: streams.c

struct __dirstream;
// A stream that was opened, and may be of such a directory; `is_numbers`: it stands for /dev/block.
struct __dirstream *remember_stream(struct __dirstream *stream, bool is_numbers);

// MARK: numbers.c

// Steps over "/MAJOR:MINOR", to the end.
bool take_device_number(struct text *text, unsigned *major, unsigned *minor);
// What follows /dev/block in a path, or the mount.
enum walked lead_by_number(struct path *path, unsigned how, struct text number);
// The path in /dev that a link by number leads to, into room of PATH_MAX bytes; empty: none.
struct text path_by_number(struct text path, char *room);

// MARK: walk.c

// Walks a path by its links. `as_named`: `meant` becomes the name that programs know it by, and not the
// file's in the mount.
enum walked walk_to(int directory, unsigned how, struct path *meant, bool as_named);

// MARK: readlink.c

// How long the target is that is shown for a link by number (`is_number`).
ssize_t number_link_length(const struct path *path);

// MARK: control.c

// As `open` does: -1 and errno, or a descriptor.
int control_open(int flags);
bool is_control_socket(int fd);
// `fd` matters to DM_DEV_ARM_POLL alone.
int control_ioctl(int fd, unsigned long request, void *argument);

struct dm_ioctl;
// Asks the daemon about a device by its number: DM_DEV_STATUS. false and errno.
bool device_status(unsigned minor, struct dm_ioctl *status);

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

// CAP_SYS_ADMIN, if only of a user namespace.
bool is_administrator(void);
// Whether the caller may change what isn't the contents of a device.
bool may_set(const struct stat *status);
// What isn't in block.c; what neither knows goes on to the file system.
int settings_ioctl(int fd, const struct stat *status, unsigned request, void *argument);

// MARK: proc.c

// Whether a path is one of the files of /proc that have our lines; then `fd` is it, or -1 and errno.
bool proc_open(const struct path *path, int flags, int *fd);
// A descriptor of /proc/devices with the mapped devices' major in it.
int proc_devices_open(int flags);
// A descriptor of a file in memory with these texts.
int text_open(const struct text *parts, size_t count, int flags);
struct buffer {
    char *bytes; // pages
    size_t size, filled;
};
// The whole of a file. -1 and errno; the buffer is to be unmapped either way, if it has any pages.
int read_whole(int fd, struct buffer *buffer);

// MARK: mounts.c

// Whether a path is a table of mounts in which a mapped device is; then `fd` is the table with the
// device's name, or -1 and errno.
bool mounts_open(const struct path *path, int flags, int *fd);
// The loop device that is mounted, by the mount's number (STATX_MNT_ID). -1: none is.
int mounted_loop(uint64_t mount, unsigned *number);

// MARK: loop.c

enum { loop_major = 7 };
struct loop_path {
    char bytes[24];
};
// /dev/loopN
struct loop_path loop_path(unsigned number);
// Whether a loop device stands for a device of the mount.
bool loop_device(unsigned number, unsigned *minor);
// The number of a file system's device (st_dev) becomes the mapped device's, where a loop device stands
// for it. What was found holds for a moment, for all calls: a `stat` isn't to look again each time.
void see_through(dev_t *device);
// Whether there is one that stands for a device: a file system on it is mounted, or about to be.
bool is_stood_for(unsigned minor);
// The number of the one of ours that stands for a device; false: there is none.
bool loop_over(unsigned minor, unsigned *number);
// A descriptor of the loop device that stands for a device of the mount, whose path is `device`; it goes
// with the last descriptor and mount. `name` is shown by losetup. -1 and errno; ENODEV: there are no
// loop devices.
int loop_attach(const char *device, struct text name, unsigned *number);
// The loop devices that stand for devices of the mount get the sizes that these have now.
void loops_take_new_sizes(void);

// MARK: mounting.c

// What is mounted of a device that may be free soon.
struct mounted {
    bool is; // something of ours
    unsigned number, minor;
    int count; // how often it was open
};
// What is about to be mounted; `number` isn't known yet.
struct mounted about_to_mount(unsigned minor);
// Waits until the daemon has heard that the kernel closed the device, so that it can be removed at once:
// the kernel tells a little later. Not if it is still in use elsewhere.
void await_close(const struct mounted *mounted);
// As `is_mapped`, also by links elsewhere that lead to /dev/mapper; the path of a node elsewhere becomes the
// device's.
bool leads_to_mapped(struct path *path, unsigned *minor);
// Whether a path, after that, is by its text a mapped device's, be there one or not: of the machine's own that may
// have the name nothing is mounted.
bool is_name_of_mapped(const struct path *path);
// A loop device over a mapped device, in place of which the kernel gets it: a descriptor that keeps it,
// or -1 and errno. `given`: what the program calls the device.
int stand_in(const struct path *device, const char *given, unsigned *number);

// MARK: say.c

// Adds a line to the reasons.
void append_reason(const char *line, size_t size);
void put_printable(struct writer *writer, char byte);
// Keeps in mind which file standard error is.
void remember_standard_error(void);
// Says a line about something, to the reasons, and to standard error if that is still the same file. The words
// end with a line's end.
void say(struct text about, const char *words);

// MARK: sysfs.c

// Makes a path of sysfs that is about a mapped device one below DIR/block.
enum walked sysfs_lead(struct path *path);
// The length of a mapped device's link, or -1 and errno; 0: it is none.
ssize_t sysfs_readlink(const struct path *path, char *target, size_t size);
// Makes a path below DIR/block, in PATH_MAX bytes, the one that sysfs would have; others stay as they are.
// false: it doesn't fit.
bool sysfs_name(char *resolved);
// Whether it is a directory of sysfs with the holders of another device; `made`, unless it is NULL, is
// then where ours are. false also: ENOMEM.
bool sysfs_holders(struct text directory, struct path *made);

// MARK: filesystems.c

// Makes a path below /sys/fs that names a mapped device, which has a file system mounted, one that names
// the loop device that stands for it.
enum walked file_system_lead(struct path *path);

// MARK: System calls

// As syscall(2) of the C library, which isn't called itself: another preloaded library may stand before it
// (libfaketime does) and call functions that are ours.
static inline long own_syscall(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
    register long fourth __asm__("r10") = d, fifth __asm__("r8") = e, sixth __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
                     : "rcx", "r11", "memory");
#elif defined(__aarch64__)
    register long eighth __asm__("x8") = number, result __asm__("x0") = a, second __asm__("x1") = b,
                  third __asm__("x2") = c, fourth __asm__("x3") = d, fifth __asm__("x4") = e,
                  sixth __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(result)
                     : "r"(eighth), "r"(second), "r"(third), "r"(fourth), "r"(fifth), "r"(sixth)
                     : "memory");
#else
#error "how this machine enters the kernel"
#endif
    const unsigned long least_error = -4095UL;
    if ((unsigned long)result < least_error)
        return result;
    errno = (int)-result;
    return -1;
}
#define PADDED_SYSCALL(number, a, b, c, d, e, f, ...)                                              \
    own_syscall((long)(number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define syscall(...) PADDED_SYSCALL(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

// MARK: raw.c: system calls

int raw_open(const char *path, int flags);
int raw_stat(int directory, const char *path, struct stat *status, int flags);
bool raw_exists(const char *path);
long raw_readlink(const char *path, char *target, size_t size);
// The path of an open directory, or AT_FDCWD, without a NUL: its length, or -1 and errno.
long raw_directory_path(int directory, char *path, size_t size);
// Whether a path goes through a symbolic link before it ends, or before something isn't there; also
// if that can't be known. `flags`: O_NOFOLLOW or 0.
bool raw_has_links(int directory, const char *path, int flags);
// Whether the kernel has fs.protected_symlinks; also if that can't be known.
bool links_are_protected(void);
void raw_close(int fd);
// Without the signals that the program would not expect: SIGPIPE, and SIGXFSZ.
long raw_write(int fd, const void *bytes, size_t size);
// Pages that nobody else has; NULL and ENOMEM. `errno` stays otherwise.
void *map(size_t size);
void unmap(void *pages, size_t size);
// Room for three paths, for a short time: pages cost much more than what is done with them. NULL and
// ENOMEM.
enum { lent_size = 3 * PATH_MAX };
char *borrow(void);
void give_back(char *room);

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
