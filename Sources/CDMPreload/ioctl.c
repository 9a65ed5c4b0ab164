// ioctl: to the control device, to device files, or on.
#include "preload.h"

#include <linux/fs.h>
#include <linux/hdreg.h>
#include <linux/pr.h>
#include <stdarg.h>
#include <sys/ioctl.h>

// Of the other types, those that the kernel answers otherwise for a device's file, which is a regular one.
static bool is_for_devices(unsigned request)
{
    switch (request) {
    case HDIO_GETGEO: case FIBMAP: case FIONREAD: case FIOQSIZE: case IOC_PR_REGISTER:
    case IOC_PR_RESERVE: case IOC_PR_RELEASE: case IOC_PR_PREEMPT: case IOC_PR_PREEMPT_ABORT:
    case IOC_PR_CLEAR:
        return true;
    default: return false;
    }
}

// A file system is to take the whole of its device, which may have become longer: ext4, XFS, btrfs. The
// loop device that stands there must know it first.
static bool is_growth(unsigned request)
{
    unsigned type = (request >> 8) & 0xff, number = request & 0xff;
    return (type == 'f' && number == 16) || (type == 'X' && number == 110) ||
           (type == 0x94 && number == 3);
}

EXPORTED int ioctl(int fd, unsigned long request, ...)
{
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    struct stat status;
    switch ((request >> 8) & 0xff) {
    case 0xfd: // device-mapper's
        if (!is_control_socket(fd))
            break;
        forget_nodes();
        return control_ioctl(fd, request, argument);
    case 0x12: // those of block devices
        if (is_device(fd, &status))
            // 32 bits, as the kernel has it: programs that keep it in an int extend the sign.
            return block_ioctl(fd, &status, (unsigned)request, argument);
        break;
    default:
        if (is_growth((unsigned)request) && mount_directory())
            loops_take_new_sizes();
        if (is_for_devices((unsigned)request) && is_device(fd, &status))
            return settings_ioctl(fd, &status, (unsigned)request, argument);
        break;
    }
    return NEXT(ioctl)(fd, request, argument);
}
