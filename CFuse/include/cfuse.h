// What dmfuse needs of libfuse3's low-level interface and Swift can't reach by itself: flags that
// libfuse 3.14 doesn't know, macros, and the mount that libfuse only does with a message to stderr.
// Nothing else in dmfuse sees libfuse. Every function here can be called from any thread unless it
// says otherwise; errors are negative errnos.
#ifndef CFUSE_H
#define CFUSE_H

// The importer of Swift sees no definition from a build setting: it must stand here.
#define FUSE_USE_VERSION 312
#include <fuse3/fuse_lowlevel.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// MARK: Session (session.c)

/// A libfuse session on a /dev/fuse descriptor of our own making, and what INIT settled.
struct cfuse_session;

/// Makes a session that serves `fd`, which is closed with it, also when this fails. `owner` comes
/// back from `cfuse_request_owner`. Null with errno set: ENOMEM.
///
/// libfuse's own mount is not used, so that mounting is apart from serving (mount.c), and a
/// descriptor that another process mounted would do as well.
struct cfuse_session *cfuse_session_new(const struct fuse_lowlevel_ops *operations, void *owner,
                                        int fd);

/// Frees the session. No thread may be in it, and no request be unanswered: libfuse's requests point
/// into it.
void cfuse_session_free(struct cfuse_session *session);

/// The largest request: a header and a write of `CFUSE_MAX_WRITE` bytes. The kernel refuses to fill
/// a smaller buffer.
#define CFUSE_MAX_WRITE (1 << 20)
#define CFUSE_RECEIVE_SIZE (CFUSE_MAX_WRITE + 4096)

/// Where in a request the bytes of a write begin: a buffer that begins so much before a page
/// boundary has them aligned, as O_DIRECT on a backing file wants.
#define CFUSE_WRITE_OFFSET 80

/// Waits for a request and reads it into `memory` of `CFUSE_RECEIVE_SIZE` bytes. 0: the connection
/// ended. -EINTR: woken by `cfuse_thread_wake`.
ssize_t cfuse_session_receive(struct cfuse_session *session, void *memory);

/// Calls the operation for a request of `size` bytes. `receiver` is what `cfuse_current_receiver` gives
/// in that call, and nothing after it.
void cfuse_session_process(struct cfuse_session *session, void *memory, size_t size, void *receiver);

/// The `owner` of the session that a request belongs to, or of the one whose user data the init
/// operation got.
void *cfuse_request_owner(fuse_req_t request);
void *cfuse_userdata_owner(void *userdata);

/// The `receiver` of the thread that is in `cfuse_session_process`; null elsewhere.
void *cfuse_current_receiver(void);

/// Whether what was received is a RELEASE.
bool cfuse_is_release(const void *memory, ssize_t size);

/// Whether the kernel has a request that nobody has received yet.
bool cfuse_has_request(int fd);

/// The kernel's own number of the request that this thread is processing; in the function of
/// `fuse_req_interrupt_func`, that of the request which was interrupted. No other request of the
/// connection ever has it, while a `fuse_req_t` is used again. 0 elsewhere.
uint64_t cfuse_current_number(void);

/// Answers READ with bytes that may be mapped from a file. 0, or -EFAULT: they could not be had, as
/// when the file was cut short; the kernel has then answered its client with EIO. Whatever else goes
/// wrong concerns nobody.
int cfuse_reply_vectors(fuse_req_t request, const struct iovec *vectors, int count);

// MARK: INIT and OPEN (negotiate.c)

/// To be called by the init operation: sets what dmfuse wants of the connection.
void cfuse_negotiate(struct fuse_conn_info *connection);

/// Whether the kernel lets an open through the page cache wait for direct writes that are under way (Linux 6.9).
bool cfuse_opens_wait(fuse_req_t request);

/// Answers OPEN. `direct`: past the page cache, with direct writes side by side where the kernel
/// knows how. `keep_cache`: what is cached of the file stays.
int cfuse_reply_open(fuse_req_t request, uint64_t handle, bool direct, bool keep_cache);

// MARK: Cached pages (notify.c)

/// Writes what mappings changed of a file back through `fd`'s connection, and drops all that the kernel
/// has cached of it. Waits for requests on these pages: never from an operation. 0 or a negative
/// errno: ENOENT, the kernel knows no such node; ENOTCONN and the like, the connection ended.
int cfuse_drop_pages(int fd, uint64_t node);

/// The same of the pages with these bytes alone; `length`: not 0.
int cfuse_drop_range(int fd, uint64_t node, uint64_t offset, uint64_t length);

/// Lets the kernel know that a file is now `size` bytes long, and was shorter; changes no page. The
/// kernel doesn't take a longer size from a GETATTR while writes are under way: readers and loop devices
/// then find nothing at the new end. Waits for a request on the page with the new end. Errors as above.
int cfuse_note_growth(int fd, uint64_t node, uint64_t size);

/// Writes what mappings changed of an open file back, and waits for that; nothing is dropped. 0 or a
/// negative errno.
int cfuse_write_back(int fd);

// MARK: Threads (thread.c)

/// Lets the calling thread be woken by `cfuse_thread_wake`. 0 or a negative errno.
int cfuse_thread_allow_wake(void);

/// The number of the calling thread, by which the kernel names who makes a request.
pid_t cfuse_thread_id(void);

/// Makes a blocking read of `thread` end with EINTR. A wake-up that comes before the read is lost:
/// repeat it until the thread shows that it noticed.
void cfuse_thread_wake(pthread_t thread);

// MARK: Mount (mount.c, helper.c)

struct cfuse_mount_options {
    /// Users other than the mounting one may enter; root too, who otherwise may not.
    bool allow_other;
    /// The mount goes away with the process, even if that is killed.
    bool auto_unmount;
};

struct cfuse_mount {
    /// /dev/fuse, close-on-exec.
    int fd;
    /// With `auto_unmount` the mount helper's socket, which it watches, and its process; else -1.
    int keeper;
    pid_t keeper_process;
};

/// Mounts at a directory that is held by a descriptor, by mount(2) or, where that isn't permitted,
/// through fusermount3, which takes a path. 0 or a negative errno; then `reason` holds the helper's
/// words or is empty.
int cfuse_mount_at(int directory, const char *path, const struct cfuse_mount_options *options,
                   struct cfuse_mount *mount, char *reason, size_t reason_size);

/// Ends the helper that would unmount, by path, after our end.
void cfuse_release_keeper(struct cfuse_mount *mount);

struct cfuse_place;

/// Unmounts `wanted`, if that is what stands at `name` in the directory `parent` is held by, which is
/// `path`: by umount2(2) or fusermount3. -ESTALE: something else stands there. Linux has no call that
/// takes both, so who mounts something there between the look and the call loses that. `detach`: also
/// when it is in use; it goes away once it is not. 0 or a negative errno (EBUSY), and a reason as above.
int cfuse_unmount(const struct cfuse_place *wanted, int parent, const char *name, const char *path,
                  bool detach, char *reason, size_t reason_size);

// MARK: What stands where (place.c)

/// A mount.
struct cfuse_place {
    /// The st_dev of its file system, and the st_ino of what was looked at there.
    uint64_t device;
    uint64_t inode;
    /// Its number in /proc/self/mountinfo; 0: not known, before Linux 5.8.
    uint64_t mount;
    /// A number that no other mount gets; 0: not known, before Linux 6.8.
    uint64_t unique_mount;
};

/// Looks at a name in a directory that is held by a descriptor, or, with an empty name, at what is held
/// itself. Links are not followed, the file system that stands there is not asked. 0 or a negative errno.
int cfuse_look_at(int directory, const char *name, struct cfuse_place *place);

/// Opens a file in a directory to read; follows no link at its end. A descriptor or a negative errno.
int cfuse_open_file(int directory, const char *path);

/// Opens a directory with O_PATH, which asks nothing of the file system whose root it is. A descriptor
/// or a negative errno.
int cfuse_open_directory(int directory, const char *path);

/// The st_dev of the file system that a descriptor of /dev/fuse serves. -ENOENT: the kernel doesn't tell.
int cfuse_connection_of(int fd, uint64_t *device);

/// Whether a descriptor of /dev/fuse still has its file system, so that nobody else has its st_dev.
bool cfuse_is_connected(int fd);

/// A descriptor for `cfuse_cut`, or a negative errno.
int cfuse_open_nothing(void);

/// Lets `fd` lead nowhere: reads of it end, replies to it are lost. When no descriptor of /dev/fuse is
/// left, the kernel ends the connection, and whoever waits for an answer gets an error.
void cfuse_cut(int fd, int nothing);

// MARK: Values that Swift's importer doesn't see: for GNU only, or made by macros with casts (values.c)

/// Past the page cache, in the flags of an open.
extern const int cfuse_o_direct;
extern const int cfuse_seek_data;
extern const int cfuse_seek_hole;
/// Keep what has the new name, in the flags of a rename.
extern const unsigned int cfuse_rename_noreplace;
/// Modes of fallocate.
extern const int cfuse_keep_size;
extern const int cfuse_punch_hole;
extern const int cfuse_zero_range;
/// The ioctls of block devices that FUSE lets through with data, since their numbers tell its size;
/// and BLKFLSBUF, which has none.
extern const unsigned int cfuse_blkgetsize64;
extern const unsigned int cfuse_blkbszget;
extern const unsigned int cfuse_blkbszset;
extern const unsigned int cfuse_blkgetdiskseq;
extern const unsigned int cfuse_blkgetzonesz;
extern const unsigned int cfuse_blkgetnrzones;
extern const unsigned int cfuse_blkflsbuf;
/// Our own: _IOR(0xfe, 5, 64 bytes), the limits of the device (`QueueLimits.record`). For clients that
/// answer the others.
extern const unsigned int cfuse_limits;
/// _IOR(0xfe, 6, 32 bytes), what tools set of the device (`DeviceHandle.settings`).
extern const unsigned int cfuse_settings;
/// _IOW(0xfe, 7, int), BLKROSET.
extern const unsigned int cfuse_set_read_only;

#endif
