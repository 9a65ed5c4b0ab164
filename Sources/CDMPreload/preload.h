// What the files of libdmfuse-preload share.
//
// The library stands between a program and the C library (LD_PRELOAD). Calls that concern the mount
// are answered as a kernel with device-mapper would; all others go on after one cheap test. It keeps
// no state of descriptors or devices, so that fork, exec, dup and threads need no care: what a
// descriptor is, the kernel is asked when it matters. It allocates nothing, and its own system calls
// are raw: no cancellation points, safe in signal handlers, and never its own wrappers.
#ifndef DMFUSE_PRELOAD_H
#define DMFUSE_PRELOAD_H

#undef _FORTIFY_SOURCE
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

// What others see of the library; everything else is hidden.
#define EXPORTED __attribute__((visibility("default")))
#pragma GCC visibility push(hidden)

// The number of the kernel's control device, which libdevmapper insists on.
enum { control_major = 10, control_minor = 236 };

// MARK: paths.c

// Set by `dmfuse run`: the mount, absolute and without a slash at its end. NULL: the library does
// nothing.
const char *mount_directory(void);
// Where the daemon's reasons are collected; NULL: nowhere.
const char *reasons_file(void);
// Block major of the mapped devices.
unsigned mapped_major(void);
void set_mapped_major(unsigned major);

// Room for a path that was led elsewhere.
struct path {
    char bytes[PATH_MAX];
};
// The path that is meant: what stands below /dev/mapper, and /dev/dm-N, is below the mount. `path`
// itself if it is none of these.
const char *led(const char *path, struct path *room);
// Whether a path, after `led`, is by its text an entry of the mount's mapper directory.
bool is_in_mapper(const char *path);
// Whether the control device is meant, through whatever links.
bool is_control(int directory, const char *path);

// MARK: nodes of the mount

enum node { no_node, device_node, link_node, control_link };
// What `stat` told of a file; `minor` is set for devices and links to them.
enum node node_of(dev_t device, ino_t inode, unsigned *minor);
// Whether a descriptor is an open device file.
bool is_device(int fd, struct stat *status);

// MARK: control.c

// As `open` does: -1 and errno, or a descriptor.
int control_open(int flags);
bool is_control_socket(int fd);
// `fd` matters to DM_DEV_ARM_POLL alone.
int control_ioctl(int fd, unsigned long request, void *argument);

// MARK: memory.c

// 0, or -1 and EFAULT.
int read_memory(void *to, const void *from, size_t size);
int write_memory(void *to, const void *from, size_t size);

// MARK: block.c

int block_ioctl(int fd, const struct stat *status, unsigned request, void *argument);

// MARK: proc.c

// A descriptor of /proc/devices with the mapped devices' major in it.
bool is_proc_devices(const char *path);
int proc_devices_open(int flags);
// A descriptor of a file in memory with that text.
int text_open(const char *text, size_t size, int flags);

// MARK: sysfs.c

// Whether a path is one of the files about mapped devices; then `fd` is it, or -1 and errno.
bool sysfs_open(const char *path, int flags, int *fd);
// The length of a mapped device's link; 0: it is none.
ssize_t sysfs_readlink(const char *path, char *target, size_t size);

// MARK: raw system calls

int raw_open(const char *path, int flags);
int raw_stat(int directory, const char *path, struct stat *status, int flags);
void raw_close(int fd);

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
