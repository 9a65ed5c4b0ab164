// Written to the device by ourselves, not through libfuse: the caller's descriptor may outlive the
// session, and this call waits for as long as a request on a page of the file is under way.
#define _GNU_SOURCE
#include "cfuse.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/uio.h>
#include <unistd.h>

static int notify(int fd, int what, const void *body, size_t size, const void *data, size_t length) {
    struct fuse_out_header header = {
        .len = (uint32_t)(sizeof header + size + length),
        .error = what,
        .unique = 0,
    };
    struct iovec parts[] = {
        {&header, sizeof header}, {(void *)body, size}, {(void *)data, length}};
    while (writev(fd, parts, length > 0 ? 3 : 2) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return 0;
}

int cfuse_drop_pages(int fd, uint64_t node) {
    struct fuse_notify_inval_inode_out all = {.ino = node, .off = 0, .len = 0};
    return notify(fd, FUSE_NOTIFY_INVAL_INODE, &all, sizeof all, NULL, 0);
}

int cfuse_drop_range(int fd, uint64_t node, uint64_t offset, uint64_t length) {
    struct fuse_notify_inval_inode_out range = {
        .ino = node, .off = (int64_t)offset, .len = (int64_t)length};
    return notify(fd, FUSE_NOTIFY_INVAL_INODE, &range, sizeof range, NULL, 0);
}

int cfuse_note_growth(int fd, uint64_t node, uint64_t size) {
    // The file's last byte as data makes it as long as that. The kernel takes over the size before it
    // asks for that byte, and there is none: so no page is changed, whether it was read already or not.
    struct fuse_notify_store_out last = {.nodeid = node, .offset = size - 1, .size = 1};
    int result = notify(fd, FUSE_NOTIFY_STORE, &last, sizeof last, NULL, 1);
    return result == -EFAULT ? 0 : result;
}

int cfuse_write_back(int fd) {
    unsigned flags = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    return sync_file_range(fd, 0, 0, flags) == 0 ? 0 : -errno;
}
