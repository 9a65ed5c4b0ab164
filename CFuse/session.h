// The inside of a session, for the files of CFuse only.
#ifndef CFUSE_SESSION_H
#define CFUSE_SESSION_H

#include "cfuse.h"

#include <stdatomic.h>
#include <sys/uio.h>

struct cfuse_session {
    struct fuse_session *fuse;
    void *owner;
    /// The number of an INIT that isn't answered yet, else 0. Looked at for every reply.
    _Atomic uint64_t init_unique;
    /// What the kernel offered in it. For the thread that received INIT: it answers it, too.
    uint64_t offered;
    /// The kernel knows FOPEN_PARALLEL_DIRECT_WRITES. Read by all.
    atomic_bool parallel_direct_writes;
    /// Its cached opens wait for direct writes. Read by all.
    atomic_bool opens_wait;
};

/// Looks at what was read: notes the offers of an INIT.
void cfuse_note_request(struct cfuse_session *session, const void *memory, size_t size);

/// Adds to a reply what libfuse 3.14 can't say.
void cfuse_edit_reply(struct cfuse_session *session, struct iovec *iov, int count);

#endif
