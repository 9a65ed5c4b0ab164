#define _GNU_SOURCE
#include "session.h"

#include <errno.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

_Static_assert(CFUSE_WRITE_OFFSET ==
                   sizeof(struct fuse_in_header) + sizeof(struct fuse_write_in),
               "where a write's bytes begin");

/// The receiver whose turn it is on this thread. Operations get no argument that leads to it.
static _Thread_local void *current_receiver;

/// The kernel's number of the request that this thread is processing; of an INTERRUPT, that of the
/// request which it is for.
static _Thread_local uint64_t current_number;

/// A reply of this thread could not be copied out of its memory.
static _Thread_local bool reply_was_lost;

static ssize_t read_device(int fd, void *buffer, size_t length, void *userdata) {
    // libfuse asks for what it would have allocated; newer versions for more than our buffers hold.
    if (length > CFUSE_RECEIVE_SIZE)
        length = CFUSE_RECEIVE_SIZE;
    ssize_t size = read(fd, buffer, length);
    if (size > 0)
        cfuse_note_request(userdata, buffer, (size_t)size);
    return size;
}

static ssize_t write_device(int fd, struct iovec *iov, int count, void *userdata) {
    cfuse_edit_reply(userdata, iov, count);
    ssize_t written = writev(fd, iov, count);
    if (written < 0 && errno == EFAULT) {
        // libfuse would print a line to stderr; with this error, of a client that is gone, it
        // doesn't.
        reply_was_lost = true;
        errno = ENOENT;
    }
    return written;
}

/// No splice: it gained nothing, and without these functions libfuse doesn't offer it.
static const struct fuse_custom_io device_io = {.writev = write_device, .read = read_device};

struct cfuse_session *cfuse_session_new(const struct fuse_lowlevel_ops *operations, void *owner,
                                        int fd) {
    struct cfuse_session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        close(fd);
        errno = ENOMEM;
        return NULL;
    }
    session->owner = owner;

    // libfuse demands a program name, and wants no options: it doesn't mount.
    char name[] = "dmfuse";
    char *arguments[] = {name, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(1, arguments);
    session->fuse = fuse_session_new(&args, operations, sizeof *operations, session);
    fuse_opt_free_args(&args);
    if (session->fuse == NULL) {
        free(session);
        close(fd);
        errno = ENOMEM;
        return NULL;
    }
    // Gives the descriptor to the session too, in the place of fuse_session_mount.
    int result = fuse_session_custom_io(session->fuse, &device_io, fd);
    if (result != 0) {
        fuse_session_destroy(session->fuse);
        free(session);
        close(fd);
        errno = result < 0 ? -result : ENOMEM;
        return NULL;
    }
    return session;
}

void cfuse_session_free(struct cfuse_session *session) {
    fuse_session_destroy(session->fuse);
    free(session);
}

ssize_t cfuse_session_receive(struct cfuse_session *session, void *memory) {
    struct fuse_buf buffer = {.mem = memory, .size = CFUSE_RECEIVE_SIZE};
    return fuse_session_receive_buf(session->fuse, &buffer);
}

static uint64_t number_of(const void *memory, size_t size) {
    const struct fuse_in_header *header = memory;
    const struct fuse_interrupt_in *interrupt = (const void *)(header + 1);
    if (size < sizeof *header)
        return 0;
    if (header->opcode == FUSE_INTERRUPT && size >= sizeof *header + sizeof *interrupt)
        return interrupt->unique;
    return header->unique;
}

void cfuse_session_process(struct cfuse_session *session, void *memory, size_t size,
                           void *receiver) {
    struct fuse_buf buffer = {.mem = memory, .size = size};
    current_receiver = receiver;
    current_number = number_of(memory, size);
    fuse_session_process_buf(session->fuse, &buffer);
    current_receiver = NULL;
    current_number = 0;
}

int cfuse_reply_vectors(fuse_req_t request, const struct iovec *vectors, int count) {
    reply_was_lost = false;
    fuse_reply_iov(request, vectors, count);
    return reply_was_lost ? -EFAULT : 0;
}

void *cfuse_request_owner(fuse_req_t request) {
    return cfuse_userdata_owner(fuse_req_userdata(request));
}

void *cfuse_userdata_owner(void *userdata) {
    struct cfuse_session *session = userdata;
    return session->owner;
}

void *cfuse_current_receiver(void) { return current_receiver; }

uint64_t cfuse_current_number(void) { return current_number; }

bool cfuse_is_release(const void *memory, ssize_t size) {
    const struct fuse_in_header *header = memory;
    return size >= (ssize_t)sizeof *header && header->opcode == FUSE_RELEASE;
}

bool cfuse_has_request(int fd) {
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    return poll(&entry, 1, 0) > 0 && (entry.revents & POLLIN) != 0;
}
