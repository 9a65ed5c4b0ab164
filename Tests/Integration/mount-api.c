// Mounts by the mount API of Linux 5.2, as mount(8) of util-linux 2.39 does.
//
//   mount-api TYPE SOURCE DIRECTORY       prints nothing, or the call that failed and its errno
//   mount-api -n TYPE SOURCE COMMAND      gives the context up before it makes the file system, and runs a command
//   mount-api -f TYPE SOURCE COMMAND      runs a command when the file system could not be made
//   mount-api -t TYPE SOURCE OTHER        names the source, and another
//   mount-api -b TYPE SOURCE COMMAND      runs a command before it makes the file system, and goes no further
//   mount-api -d TYPE SOURCE DIRECTORY    goes on with a duplicate of the context
//   mount-api -u TYPE SOURCE DIRECTORY    goes on with a context that the library doesn't see, of the same number
//   mount-api -m TYPE SOURCE DIRECTORY    by mount(2)
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
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
    if (option == 't' && fsconfig(context, FSCONFIG_SET_STRING, "source", arguments[3], 0) != 0)
        return fails("twice");
    if (option == 't')
        return 0;
    if (option == 'b' && system(arguments[3]) != 0)
        return 1;
    if (option == 'd' || option == 'u') {
        int other = option == 'd' ? fcntl(context, F_DUPFD_CLOEXEC, 0)
                                  : (int)syscall(SYS_fsopen, arguments[1], FSOPEN_CLOEXEC);
        // With the duplicate's own number, or with that of the first.
        if (other < 0 || (option == 'd' ? close(context) : dup3(other, context, O_CLOEXEC)) < 0)
            return fails("dup");
        if (option == 'd')
            context = other;
    }
    if (option == 'n')
        return close(context) == 0 ? system(arguments[3]) != 0 : fails("close");
    if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0)
        return option == 'f' ? system(arguments[3]) != 0 : fails("create");
    if (option == 'b')
        return 0;
    int mount = fsmount(context, FSMOUNT_CLOEXEC, 0);
    if (mount < 0)
        return fails("fsmount");
    return move_mount(mount, "", AT_FDCWD, arguments[3], MOVE_MOUNT_F_EMPTY_PATH) == 0
               ? 0 : fails("move_mount");
}
