#include "topology.h"

#include <errno.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

int clinux_block_topology(int descriptor, struct clinux_topology *topology) {
    memset(topology, 0, sizeof *topology);
    int logical = 0;
    if (ioctl(descriptor, BLKSSZGET, &logical) != 0)
        return -errno;
    topology->logical_block = (unsigned)logical;
    ioctl(descriptor, BLKPBSZGET, &topology->physical_block);
    ioctl(descriptor, BLKIOMIN, &topology->minimum_io);
    ioctl(descriptor, BLKIOOPT, &topology->optimal_io);
    ioctl(descriptor, BLKALIGNOFF, &topology->alignment_offset);
    ioctl(descriptor, BLKSECTGET, &topology->maximum_sectors);
    ioctl(descriptor, BLKROTATIONAL, &topology->is_rotational);
    return 0;
}
