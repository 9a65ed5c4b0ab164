// libfuse 3.14 knows neither FOPEN_PARALLEL_DIRECT_WRITES nor FUSE_DIRECT_IO_ALLOW_MMAP. Both are
// bits in replies that it writes itself, so they are set on the way to the device.
#define _GNU_SOURCE
#include "session.h"

#include <linux/fuse.h>

#ifndef FOPEN_PARALLEL_DIRECT_WRITES
#define FOPEN_PARALLEL_DIRECT_WRITES (1 << 6)
#endif
#ifndef FUSE_DIRECT_IO_ALLOW_MMAP
#define FUSE_DIRECT_IO_ALLOW_MMAP (1ULL << 36)
#endif
/// The minor protocol version that brought FOPEN_PARALLEL_DIRECT_WRITES (Linux 6.2).
#define PARALLEL_DIRECT_WRITES_MINOR 38
/// That of Linux 6.9, which brought io modes of inodes (fs/fuse/iomode.c): an open through the page cache waits
/// for direct writes that are under way.
#define IO_MODES_MINOR 40

/// Open flags for the reply that this thread is sending. libfuse replies on the calling thread, and
/// knows no user data for a reply.
static _Thread_local uint32_t added_open_flags;

void cfuse_note_request(struct cfuse_session *session, const void *memory, size_t size) {
    const struct fuse_in_header *header = memory;
    if (size < sizeof *header || header->opcode != FUSE_INIT)
        return;
    const struct fuse_init_in *init = (const void *)(header + 1);
    session->offered = 0;
    // The request grew with 7.36: an older kernel sends 16 bytes, without flags2.
    if (size >= sizeof *header + sizeof *init && init->flags & FUSE_INIT_EXT)
        session->offered = (uint64_t)init->flags2 << 32 | init->flags;
    if (size >= sizeof *header + 2 * sizeof(uint32_t) && init->major == 7) {
        atomic_store(&session->parallel_direct_writes,
                     init->minor >= PARALLEL_DIRECT_WRITES_MINOR);
        atomic_store(&session->opens_wait, init->minor >= IO_MODES_MINOR);
    }
    atomic_store(&session->init_unique, header->unique);
}

static void edit_init(struct cfuse_session *session, struct iovec *body) {
    struct fuse_init_out *init = body->iov_base;
    if (body->iov_len < sizeof *init || !(init->flags & FUSE_INIT_EXT))
        return;
    // Without it MAP_SHARED on a direct descriptor is ENODEV.
    init->flags2 |= (uint32_t)((session->offered & FUSE_DIRECT_IO_ALLOW_MMAP) >> 32);
}

void cfuse_edit_reply(struct cfuse_session *session, struct iovec *iov, int count) {
    const struct fuse_out_header *header = iov[0].iov_base;
    if (count != 2 || header->error != 0 || header->unique == 0)
        return;
    if (added_open_flags != 0) {
        struct fuse_open_out *open = iov[1].iov_base;
        if (iov[1].iov_len == sizeof *open)
            open->open_flags |= added_open_flags;
    } else if (header->unique ==
               atomic_load_explicit(&session->init_unique, memory_order_relaxed)) {
        atomic_store(&session->init_unique, 0);
        edit_init(session, &iov[1]);
    }
}

bool cfuse_opens_wait(fuse_req_t request) {
    struct cfuse_session *session = fuse_req_userdata(request);
    return atomic_load_explicit(&session->opens_wait, memory_order_relaxed);
}

int cfuse_reply_open(fuse_req_t request, uint64_t handle, bool direct, bool keep_cache) {
    struct cfuse_session *session = fuse_req_userdata(request);
    struct fuse_file_info info = {
        .fh = handle,
        .direct_io = direct,
        .keep_cache = keep_cache,
    };
    if (direct && atomic_load_explicit(&session->parallel_direct_writes, memory_order_relaxed))
        added_open_flags = FOPEN_PARALLEL_DIRECT_WRITES;
    int result = fuse_reply_open(request, &info);
    added_open_flags = 0;
    return result;
}

void cfuse_negotiate(struct fuse_conn_info *connection) {
    connection->max_write = CFUSE_MAX_WRITE;
    // With the default of 12, that many cached reads held by one suspended device stop the cached
    // reads and the RELEASEs of every other.
    connection->max_background = 65535;
    connection->congestion_threshold = 65535;

    // Left out: ATOMIC_O_TRUNC (another's mmap would get SIGBUS from `> dev`), AUTO_INVAL_DATA (stat
    // would wait for reads that a suspended device holds), WRITEBACK_CACHE (the file would grow, and
    // dirty pages go through a new table), locks (the kernel's own do), splice.
    unsigned wanted = FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO | FUSE_CAP_PARALLEL_DIROPS |
                      FUSE_CAP_HANDLE_KILLPRIV;
    // A GETATTR that shows a new size must not wait for held reads either: cached pages are
    // invalidated by us, at resume, and not by the kernel at any time.
    wanted |= FUSE_CAP_EXPLICIT_INVAL_DATA;
    connection->want = wanted & connection->capable;
}
