// What stands where, without asking a file system that may not answer.
#define _GNU_SOURCE
#include "cfuse.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U
#endif
#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000U
#endif

int cfuse_open_directory(int directory, const char *path) {
    int fd = openat(directory, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int cfuse_open_file(int directory, const char *path) {
    int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

static int look(int directory, const char *name, unsigned int mask, struct statx *status) {
    int flags = AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
    if (statx(directory, name, flags, mask, status) == 0)
        return 0;
    // To those who may not enter a FUSE file system it tells no more than its number.
    if (errno == EACCES && statx(directory, name, flags, 0, status) == 0)
        return 0;
    return -errno;
}

int cfuse_look_at(int directory, const char *name, struct cfuse_place *place) {
    memset(place, 0, sizeof *place);
    struct statx status;
    int result = look(directory, name, STATX_MNT_ID, &status);
    if (result != 0)
        return result;
    place->device = makedev(status.stx_dev_major, status.stx_dev_minor);
    place->inode = status.stx_ino;
    if (status.stx_mask & STATX_MNT_ID)
        place->mount = status.stx_mnt_id;
    if (look(directory, name, STATX_MNT_ID_UNIQUE, &status) == 0 &&
        status.stx_mask & STATX_MNT_ID_UNIQUE)
        place->unique_mount = status.stx_mnt_id;
    return 0;
}

int cfuse_connection_of(int fd, uint64_t *device) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -errno;
    char text[1024];
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    text[length < 0 ? 0 : length] = '\0';
    const char *line = strstr(text, "fuse_connection:");
    unsigned int minor;
    if (line == NULL || sscanf(line, "fuse_connection: %u", &minor) != 1)
        return -ENOENT;
    *device = makedev(0, minor);
    return 0;
}

bool cfuse_is_connected(int fd) {
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    int result;
    do
        result = poll(&entry, 1, 0);
    while (result < 0 && errno == EINTR);
    return result >= 0 && (entry.revents & (POLLERR | POLLNVAL)) == 0;
}

int cfuse_open_nothing(void) {
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

void cfuse_cut(int fd, int nothing) { dup3(nothing, fd, O_CLOEXEC); }
