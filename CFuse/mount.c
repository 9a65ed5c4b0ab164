// Mounting apart from serving. libfuse's own fuse_session_mount says why it failed on stderr only,
// ties the mount to the session, and forks a process with many threads.
#define _GNU_SOURCE
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/// A path to what a descriptor holds, and to a name there, that no rename leads elsewhere.
struct held_path {
    char text[300];
};

static struct held_path held_path(int directory, const char *name) {
    struct held_path path;
    snprintf(path.text, sizeof path.text, "/proc/self/fd/%d%s%s", directory,
             name[0] == '\0' ? "" : "/", name);
    return path;
}

// MARK: Mounting

static int mount_directly(int directory, const struct cfuse_mount_options *options,
                          struct cfuse_mount *result, char *reason, size_t reason_size) {
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        int error = errno;
        snprintf(reason, reason_size, "/dev/fuse %s; a container is given it with --device /dev/fuse",
                 error == ENOENT ? "isn't there" : "can't be opened");
        return -error;
    }
    char data[160];
    snprintf(data, sizeof data, "fd=%d,rootmode=%o,user_id=%u,group_id=%u,default_permissions%s", fd,
             S_IFDIR, getuid(), getgid(), options->allow_other ? ",allow_other" : "");
    struct held_path path = held_path(directory, "");
    if (mount("dmfuse", path.text, "fuse.dmfuse", MS_NOSUID | MS_NODEV, data) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    result->fd = fd;
    return 0;
}

int cfuse_mount_at(int directory, const char *path, const struct cfuse_mount_options *options,
                   struct cfuse_mount *mount, char *reason, size_t reason_size) {
    mount->fd = -1;
    mount->keeper = -1;
    mount->keeper_process = -1;
    reason[0] = '\0';
    if (options->auto_unmount)
        return helper_mount(path, options, mount, reason, reason_size);
    int result = mount_directly(directory, options, mount, reason, reason_size);
    // With a reason it is /dev/fuse, which the helper would need, too.
    if (result != -EPERM || reason[0] != '\0')
        return result;
    result = helper_mount(path, options, mount, reason, reason_size);
    // What fusermount3 says then is for ordinary users: mount(2) was refused to us already.
    if (result == 0 || geteuid() != 0)
        return result;
    snprintf(reason, reason_size,
             "it takes CAP_SYS_ADMIN; a container is given it with --cap-add SYS_ADMIN");
    return -EPERM;
}

// MARK: Unmounting

/// Whether that mount is what a name leads to now.
static bool stands_at(const struct cfuse_place *wanted, int directory, const char *name) {
    struct cfuse_place found;
    return cfuse_look_at(directory, name, &found) == 0 && found.device == wanted->device &&
           found.mount == wanted->mount && found.unique_mount == wanted->unique_mount;
}

int cfuse_unmount(const struct cfuse_place *wanted, int parent, const char *name, const char *path,
                  bool detach, char *reason, size_t reason_size) {
    reason[0] = '\0';
    if (!stands_at(wanted, parent, name))
        return -ESTALE;
    struct held_path held = held_path(parent, name);
    if (umount2(held.text, UMOUNT_NOFOLLOW | (detach ? MNT_DETACH : 0)) == 0)
        return 0;
    if (errno != EPERM)
        return -errno;
    // The helper takes a path only.
    if (!stands_at(wanted, AT_FDCWD, path))
        return -ESTALE;
    return helper_unmount(path, detach, reason, reason_size);
}
