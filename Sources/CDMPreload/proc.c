// /proc/devices, in which libdevmapper looks for a block major named device-mapper.
#include "preload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

bool is_proc_devices(const char *path) { return path && strcmp(path, "/proc/devices") == 0; }

int text_open(const char *text, size_t size, int flags)
{
    int fd = (int)syscall(SYS_memfd_create, "text", flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
    if (fd < 0)
        return -1;
    syscall(SYS_pwrite64, fd, text, size, 0L);
    return fd;
}

// Puts our line at its place among the block majors.
static size_t insert(char *text, size_t size, size_t room)
{
    char ours[64];
    size_t length =
        (size_t)snprintf(ours, sizeof ours, "%3u device-mapper\n", mapped_major());
    char *block = strstr(text, "Block devices:\n"), *end;
    char *line = block ? strchr(block, '\n') + 1 : text + size;
    while (*line && strtoul(line, NULL, 10) < mapped_major())
        line = (end = strchr(line, '\n')) ? end + 1 : text + size;
    if (size + length > room)
        return size;
    memmove(line + length, line, size - (size_t)(line - text));
    memcpy(line, ours, length);
    return size + length;
}

int proc_devices_open(int flags)
{
    char text[16 << 10];
    size_t filled = 0;
    int from = raw_open("/proc/devices", O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return -1;
    long count;
    while ((count = syscall(SYS_read, from, text + filled, sizeof text - 1 - filled)) > 0)
        filled += (size_t)count;
    raw_close(from);
    text[filled] = 0;
    return text_open(text, insert(text, filled, sizeof text), flags);
}
