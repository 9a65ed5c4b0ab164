// Mounts by the mount API of Linux 5.2, as mount(8) of util-linux 2.39 does.
//
//   mount-api TYPE SOURCE DIRECTORY       prints nothing, or the call that failed and its errno
//   mount-api -n TYPE SOURCE COMMAND      gives the context up before it makes the file system, and runs a command
//   mount-api -f TYPE SOURCE COMMAND      runs a command when the file system could not be made
//   mount-api -t TYPE SOURCE DIRECTORY    names the source twice
//   mount-api -m TYPE SOURCE DIRECTORY    by mount(2)
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
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
    char option = count == 5 && arguments[1][0] == '-' ? arguments[1][1] : 0;
    if (count != (option ? 5 : 4))
        return 2;
    arguments += option != 0;
    if (option == 'm')
        return mount(arguments[2], arguments[3], arguments[1], 0, NULL) == 0 ? 0 : fails("mount");
    int context = fsopen(arguments[1], FSOPEN_CLOEXEC);
    if (context < 0)
        return fails("fsopen");
    if (fsconfig(context, FSCONFIG_SET_STRING, "source", arguments[2], 0) != 0)
        return fails("source");
    if (option == 't' && fsconfig(context, FSCONFIG_SET_STRING, "source", arguments[2], 0) != 0)
        return fails("twice");
    if (option == 'n')
        return close(context) == 0 ? system(arguments[3]) != 0 : fails("close");
    if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0)
        return option == 'f' ? system(arguments[3]) != 0 : fails("create");
    int mount = fsmount(context, FSMOUNT_CLOEXEC, 0);
    if (mount < 0)
        return fails("fsmount");
    return move_mount(mount, "", AT_FDCWD, arguments[3], MOVE_MOUNT_F_EMPTY_PATH) == 0
               ? 0 : fails("move_mount");
}
