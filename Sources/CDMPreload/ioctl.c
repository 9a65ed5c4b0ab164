// ioctl: to the control device, to device files, or on.
#include "preload.h"

#include <stdarg.h>
#include <sys/ioctl.h>

EXPORTED int ioctl(int fd, unsigned long request, ...)
{
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    struct stat status;
    switch ((request >> 8) & 0xff) {
    case 0xfd: // device-mapper's
        if (is_control_socket(fd))
            return control_ioctl(fd, request, argument);
        break;
    case 0x12: // those of block devices
        if (is_device(fd, &status))
            // 32 bits, as the kernel has it: programs that keep it in an int extend the sign.
            return block_ioctl(fd, &status, (unsigned)request, argument);
        break;
    }
    return NEXT(ioctl)(fd, request, argument);
}
