// What a block device says of itself.
#ifndef CLINUX_TOPOLOGY_H
#define CLINUX_TOPOLOGY_H

/// Of an open block device, by ioctl: BLKSSZGET, BLKPBSZGET, BLKIOMIN, BLKIOOPT, BLKALIGNOFF (-1:
/// misaligned), in bytes; BLKSECTGET, in sectors, 65535 for more; BLKROTATIONAL.
struct clinux_topology {
    unsigned logical_block, physical_block, minimum_io, optimal_io;
    int alignment_offset;
    unsigned short maximum_sectors, is_rotational;
};

/// 0 or a negative errno. What the device doesn't answer is 0.
int clinux_block_topology(int descriptor, struct clinux_topology *topology);

#endif
