#define _GNU_SOURCE
#include "cfuse.h"

#include <fcntl.h>
#include <linux/blkzoned.h>
#include <linux/fs.h>
#include <unistd.h>

const int cfuse_o_direct = O_DIRECT;
const int cfuse_seek_data = SEEK_DATA;
const int cfuse_seek_hole = SEEK_HOLE;
const unsigned int cfuse_rename_noreplace = RENAME_NOREPLACE;
const int cfuse_keep_size = FALLOC_FL_KEEP_SIZE;
const int cfuse_punch_hole = FALLOC_FL_PUNCH_HOLE;
const int cfuse_zero_range = FALLOC_FL_ZERO_RANGE;
const unsigned int cfuse_blkgetsize64 = BLKGETSIZE64;
const unsigned int cfuse_blkbszget = BLKBSZGET;
const unsigned int cfuse_blkgetdiskseq = BLKGETDISKSEQ;
const unsigned int cfuse_blkgetzonesz = BLKGETZONESZ;
const unsigned int cfuse_blkgetnrzones = BLKGETNRZONES;
const unsigned int cfuse_blkflsbuf = BLKFLSBUF;
const unsigned int cfuse_blkbszset = BLKBSZSET;
const unsigned int cfuse_limits = _IOR(0xfe, 5, char[64]);
const unsigned int cfuse_settings = _IOR(0xfe, 6, char[32]);
const unsigned int cfuse_set_read_only = _IOW(0xfe, 7, int);
