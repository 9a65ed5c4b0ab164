// The program's memory, read and written as the kernel does: a wrong pointer is EFAULT, not the end.
#include "preload.h"

#include <sys/uio.h>

// Whether the page of an address can be read. Any system call that reads before it does anything
// would do; this one reads eight bytes and then refuses what it is asked for. Every seccomp filter
// lets it pass.
static bool is_readable(const char *address)
{
    const void *word = (const void *)((uintptr_t)address & ~(uintptr_t)7);
    if (!word) // it would read nothing
        return false;
    return syscall(SYS_rt_sigprocmask, -1L, word, NULL, 8UL) == 0 || errno != EFAULT;
}

size_t program_text(const char *path)
{
    enum { page = 4096 }; // or a part of one
    int saved = errno;
    size_t length = 0, part, room;
    do {
        const char *next = path + length;
        if (!is_readable(next)) {
            errno = saved;
            return 0;
        }
        room = page - (uintptr_t)next % page;
        part = strnlen(next, room);
        length += part;
    } while (part == room && length < PATH_MAX);
    errno = saved;
    return length < PATH_MAX ? length : 0;
}

// Through a pipe, whose ends know wrong pointers, too. At most a page.
static int move_by_pipe(void *to, const void *from, size_t size)
{
    int ends[2], result = -1;
    if (syscall(SYS_pipe2, ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return -1;
    if (syscall(SYS_write, ends[1], from, size) == (long)size &&
        syscall(SYS_read, ends[0], to, size) == (long)size)
        result = 0;
    else
        errno = EFAULT;
    raw_close(ends[0]);
    raw_close(ends[1]);
    return result;
}

static int move(long number, void *own, const void *theirs, size_t size)
{
    struct iovec local = {own, size}, remote = {(void *)theirs, size};
    int saved = errno;
    long count = syscall(number, syscall(SYS_getpid), &local, 1UL, &remote, 1UL, 0UL);
    if (count == (long)size)
        return 0;
    if (count >= 0 || errno == EFAULT) {
        errno = EFAULT;
        return -1;
    }
    // A filter of system calls doesn't permit it.
    errno = saved;
    return number == SYS_process_vm_readv ? move_by_pipe(own, theirs, size)
                                          : move_by_pipe((void *)theirs, own, size);
}

int read_memory(void *to, const void *from, size_t size)
{
    return move(SYS_process_vm_readv, to, from, size);
}

int write_memory(void *to, const void *from, size_t size)
{
    return move(SYS_process_vm_writev, (void *)from, to, size);
}

int fail(int error)
{
    errno = error;
    return -1;
}
