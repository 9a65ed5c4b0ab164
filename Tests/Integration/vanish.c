// vanish DIRECTORY: ends the file system there as if its disk had been pulled: what isn't on the disk
// yet never gets there, and everything fails (FS_IOC_SHUTDOWN, with FS_SHUTDOWN_FLAGS_NOLOGFLUSH).
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

int main(int argc, char **argv)
{
    if (argc != 2)
        return fprintf(stderr, "usage: vanish DIRECTORY\n"), 2;
    int directory = open(argv[1], O_RDONLY | O_DIRECTORY);
    uint32_t no_log_flush = 2;
    // The number that ext4 and xfs have in common; not in every header.
    if (directory < 0 || ioctl(directory, _IOR('X', 125, uint32_t), &no_log_flush) != 0)
        return perror(argv[1]), 1;
    return 0;
}
