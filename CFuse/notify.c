// Written to the device by ourselves, not through libfuse: the caller's descriptor may outlive the
// session, and this call waits for as long as a request on a page of the file is under way.
#define _GNU_SOURCE
#include "cfuse.h"

#include <errno.h>
#include <linux/fuse.h>
#include <sys/uio.h>
#include <unistd.h>

int cfuse_drop_pages(int fd, uint64_t node) {
    struct fuse_notify_inval_inode_out all = {.ino = node, .off = 0, .len = 0};
    struct fuse_out_header header = {
        .len = sizeof header + sizeof all,
        .error = FUSE_NOTIFY_INVAL_INODE,
        .unique = 0,
    };
    struct iovec parts[] = {{&header, sizeof header}, {&all, sizeof all}};
    while (writev(fd, parts, 2) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return 0;
}
