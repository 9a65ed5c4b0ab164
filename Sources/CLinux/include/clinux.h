// System calls that glibc has no function for, or one that Swift can't import.
#ifndef CLINUX_H
#define CLINUX_H

#include <sys/types.h>

/// openat2(2) with O_PATH and RESOLVE_NO_MAGICLINKS: finds a file, and follows no link of procfs such
/// as /proc/self/fd/3, which means another file to us than to the client who wrote it. A descriptor,
/// or a negative errno; -ELOOP for such a link. Before Linux 5.6: -ENOSYS.
int clinux_open_path(int directory, const char *path);

/// The same, and no other mount is entered on the way: -EXDEV.
int clinux_open_path_within(int directory, const char *path);

/// geteuid(2), and not what a preloaded library such as libfakeroot has in its place.
unsigned clinux_effective_user(void);

/// The same, of what is at the end of the path itself, be it a link.
int clinux_open_link(const char *path);

/// Whether the kernel has fs.protected_symlinks: 1 or 0; 1 also if that can't be known.
int clinux_protects_links(void);

/// Whether an open file is one of procfs, whose files are about the process that looks: 1 or 0.
int clinux_is_procfs(int descriptor);

/// Whether a file has capabilities of its own, which make its process a privileged one: 1 or 0.
int clinux_has_capabilities(const char *path);

/// open(2) with O_TMPFILE, to read and write a new file without a name in `directory`; where the file
/// system doesn't know that, mkstemp(3) and unlink(2). A descriptor, or a negative errno.
int clinux_open_nameless(const char *directory);

/// Locks the byte at `offset` of a file for this open file description (F_OFD_SETLK), and waits for
/// nobody. 0 or a negative errno: EAGAIN, it is locked by another one.
int clinux_lock_byte(int descriptor, long offset, int exclusive);

/// Gives up what this open file description has locked from `offset` on.
void clinux_unlock_bytes(int descriptor, long offset);

/// Where in these bytes another open file description has a lock: its first byte there. -1: none has, or
/// that can't be told. `process`: whose lock it is, 0 where Linux doesn't say, as for those from above.
long clinux_find_lock(int descriptor, long offset, long length, int *process);

/// Makes `length` bytes of a file or block device a hole, or zeros, without changing its size. 0 or a
/// negative errno: EOPNOTSUPP where it can't be done but by writing.
int clinux_punch_hole(int descriptor, long offset, long length);
int clinux_zero_range(int descriptor, long offset, long length);

/// PR_SET_IO_FLUSHER of prctl(2) for this thread and those that it starts. 0 or a negative errno.
int clinux_become_io_flusher(void);

/// Makes malloc(3) map each block of 128 KiB or more by itself, so that it goes back to the system when
/// it is freed. Else glibc keeps those of any size that was freed once among the small ones.
void clinux_give_large_blocks_back(void);

/// Gives back to the system what malloc(3) has and nobody uses, whole pages of it. Takes its time.
void clinux_give_back_memory(void);

/// Lets all threads of this process allocate from one arena of malloc(3). Before others are started.
void clinux_use_one_arena(void);

/// Whether so many bytes of memory can be mapped, which they are not: 1 or 0.
int clinux_can_map(size_t length);

/// Bytes that malloc(3) has, and that nobody uses, in pieces of any size. Takes its time.
size_t clinux_freed_memory(void);

/// Makes reads and writes of an open block device go past its page cache (O_DIRECT). 0, or -1 with
/// errno.
int clinux_go_direct(int descriptor);

#endif
