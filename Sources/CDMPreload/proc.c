// /proc/devices, in which libdevmapper looks for a block major named device-mapper.
#include "preload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

bool is_proc_devices(const char *path) { return path && strcmp(path, "/proc/devices") == 0; }

static void put(int fd, const char *bytes, size_t size)
{
    syscall(SYS_write, fd, bytes, size);
}

// Copies the kernel's list with our line at its place among the block majors.
static void copy_devices(int to, const char *text)
{
    char ours[64];
    int length = snprintf(ours, sizeof ours, "%3u device-mapper\n", mapped_major());
    const char *block = strstr(text, "Block devices:\n");
    const char *line = block ? strchr(block, '\n') + 1 : text + strlen(text);
    while (*line && strtoul(line, NULL, 10) < mapped_major()) {
        const char *end = strchr(line, '\n');
        line = end ? end + 1 : line + strlen(line);
    }
    put(to, text, (size_t)(line - text));
    put(to, ours, (size_t)length);
    put(to, line, strlen(line));
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
    int fd = (int)syscall(SYS_memfd_create, "devices", flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
    if (fd < 0)
        return -1;
    copy_devices(fd, text);
    syscall(SYS_lseek, fd, 0L, SEEK_SET);
    return fd;
}
