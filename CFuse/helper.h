// fusermount3, for the files of CFuse only. 0 or a negative errno, and a reason as in cfuse.h.
#ifndef CFUSE_HELPER_H
#define CFUSE_HELPER_H

#include "cfuse.h"

/// Mounts at a path, which the helper looks at with the rights of the user.
int helper_mount(const char *directory, const struct cfuse_mount_options *options,
                 struct cfuse_mount *mount, char *reason, size_t reason_size);

/// Unmounts what stands at a path, if it is a FUSE file system of this user's.
int helper_unmount(const char *directory, bool detach, char *reason, size_t reason_size);

#endif
