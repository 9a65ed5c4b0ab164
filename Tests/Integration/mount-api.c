// Mounts by the mount API of Linux 5.2, as mount(8) of util-linux 2.39 does.
//
//   mount-api TYPE SOURCE DIRECTORY       prints nothing, or the call that failed and its errno
//   mount-api -n TYPE SOURCE DIRECTORY    gives the context up before it makes the file system
//   mount-api -m TYPE SOURCE DIRECTORY    by mount(2)
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static int fails(const char *call)
{
    printf("%s: %s\n", call, strerrorname_np(errno));
    return 1;
}

int main(int count, char **arguments)
{
    int gives_up = count == 5 && strcmp(arguments[1], "-n") == 0;
    int is_old = count == 5 && strcmp(arguments[1], "-m") == 0;
    if (count != 4 + gives_up + is_old)
        return 2;
    arguments += gives_up + is_old;
    if (is_old)
        return mount(arguments[2], arguments[3], arguments[1], 0, NULL) == 0 ? 0 : fails("mount");
    int context = fsopen(arguments[1], FSOPEN_CLOEXEC);
    if (context < 0)
        return fails("fsopen");
    if (fsconfig(context, FSCONFIG_SET_STRING, "source", arguments[2], 0) != 0)
        return fails("source");
    if (gives_up) {
        // The number is another's then, and what was kept for it is let go.
        if (close(context) != 0 || (context = fsopen("tmpfs", FSOPEN_CLOEXEC)) < 0)
            return fails("tmpfs");
        return execlp("true", "true", NULL);
    }
    if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0)
        return fails("create");
    int mount = fsmount(context, FSMOUNT_CLOEXEC, 0);
    if (mount < 0)
        return fails("fsmount");
    return move_mount(mount, "", AT_FDCWD, arguments[3], MOVE_MOUNT_F_EMPTY_PATH) == 0
               ? 0 : fails("move_mount");
}
