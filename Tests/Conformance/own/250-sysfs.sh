#!/bin/bash
# What /sys and /proc tell of mapped devices, from the first table to the removal
x() { echo "\$ $*"; eval "$*" 2>&1; echo "= $?"; while read -r _l; do [[ $_l = hrtimer* ]] || echo "K| $_l"; done < <(busybox dmesg -c); }
for i in 0 1; do truncate -s 1M d$i.img; losetup /dev/loop$i d$i.img; done
modprobe -a dm-zero; dmesg -C
# PATH...: the links between them
h() {
	for i; do
		[ -e $i ] || { echo "no ${i##*/}"; continue; }
		echo "${i##*/} slaves:" $(ls $i/slaves 2>&1) holders: $(ls $i/holders 2>&1)
	done
}
# DEVICE: what its files say, but for what is of the machine
t() {
	for f in alignment_offset capability dev discard_alignment ext_range hidden inflight range removable ro size stat \
		events_poll_msecs dm/name dm/uuid dm/suspended dm/rq_based_seq_io_merge_deadline dm/use_blk_mq queue/read_ahead_kb \
		bdi/read_ahead_kb queue/{add_random,chunk_sectors,dax,discard_granularity,discard_max_bytes,discard_max_hw_bytes} \
		queue/{discard_zeroes_data,dma_alignment,fua,hw_sector_size,io_poll,io_poll_delay,iostats,logical_block_size} \
		queue/{max_discard_segments,max_hw_sectors_kb,max_integrity_segments,max_sectors_kb,max_segment_size,max_segments} \
		queue/{minimum_io_size,nomerges,nr_requests,nr_zones,optimal_io_size,physical_block_size,rq_affinity,scheduler} \
		queue/{stable_writes,virt_boundary_mask,write_cache,write_same_max_bytes,write_zeroes_max_bytes} \
		queue/{zone_append_max_bytes,zone_write_granularity,zoned}; do
		echo "$f:" "$(cat /sys/block/$1/$f 2>&1)"
	done
	grep -ve DISKSEQ -e MAJOR /sys/block/$1/uevent
}
x dmsetup create s --uuid FOO --table "'0 64 striped 2 8 /dev/loop0 0 /dev/loop1 0'"
major=$(dmsetup info -c --noheadings -o major s)
ours() { ls /sys/dev/block | grep ^$major:; }
t dm-0
h /sys/block/loop0 /sys/block/loop1 /sys/block/dm-0
x dmsetup create up --table "'0 32 linear /dev/mapper/s 0'"
t dm-1
h /sys/block/loop0 /sys/block/loop1 /sys/block/dm-0 /sys/block/dm-1
# no table, an inactive one, a live one, a swap
x dmsetup create nt --notable
h /sys/block/dm-0 /sys/block/dm-2
x ls -d /sys/block/dm-2 /sys/class/block/dm-2 /sys/dev/block/$major:2
x dmsetup load nt --table "'0 16 linear /dev/mapper/s 0'"
h /sys/block/dm-0 /sys/block/dm-2; t dm-2
x dmsetup clear nt
h /sys/block/dm-0 /sys/block/dm-2; t dm-2
x dmsetup load nt --readonly --table "'0 16 linear /dev/loop1 0'"
h /sys/block/loop1 /sys/block/dm-0 /sys/block/dm-2
x dmsetup resume nt
h /sys/block/loop1 /sys/block/dm-2; t dm-2
x dmsetup load nt --table "'0 16 zero'"
h /sys/block/loop1 /sys/block/dm-2
x dmsetup resume nt
h /sys/block/loop1 /sys/block/dm-2
x dmsetup suspend nt
t dm-2
x dmsetup resume nt
# where it is
x readlink /sys/block/dm-0 /sys/class/block/dm-0 /sys/dev/block/$major:0 /sys/block/loop0/holders/dm-0 /sys/block/dm-0/holders/dm-1 /sys/block/dm-1/slaves/dm-0
x realpath /sys/block/dm-0 /sys/dev/block/$major:0 /sys/block/dm-0/slaves/loop\* /sys/block/loop0/holders/dm-0 /sys/class/block/dm-0/subsystem /sys/block/dm-1/slaves/dm-0/size
x "stat -c '%F %N' /sys/block/dm-0 /sys/block/dm-0/ /sys/devices/virtual/block/dm-0 /sys/block/dm-0/size /sys/block/dm-0/slaves"
x "ls /sys/block | grep dm; ls /sys/class/block | grep dm; ours; ls /sys/devices/virtual/block | grep dm"
x "(cd /sys/block/dm-0 && cat size ../dm-1/size dm/../size slaves/../holders/dm-1/size)"
# its I/O
x dd if=/dev/zero of=/dev/mapper/s bs=4k count=4 oflag=direct conv=fsync,notrunc status=none
x dd if=/dev/mapper/s of=/dev/null bs=4k count=4 iflag=direct status=none
x dmsetup remove up
x dd if=/dev/zero of=/dev/mapper/s bs=4k count=1 oflag=direct conv=notrunc status=none
x "awk '/ dm-/ { print \$2, \$3, \$8, \$10, \$12 }' /proc/diskstats"
x "awk '{ print \$5, \$7, \$9 }' /sys/block/dm-0/stat"
x cat /sys/block/dm-0/inflight
x "sed -n 's/^ *[0-9]* \(.* dm-\)/\1/p; /major/p' /proc/partitions"
# programs that look there
x "lsblk -n -o NAME,MAJ:MIN,RM,SIZE,RO,TYPE,MIN-IO,OPT-IO,LOG-SEC,PHY-SEC,DISC-GRAN,DISC-MAX /dev/loop0 /dev/mapper/s /dev/mapper/nt"
x "lsblk -n -s -o NAME,TYPE,SIZE /dev/mapper/s"
x dmsetup ls --tree -o blkdevname,uuid
x dmsetup deps -o blkdevname
# nothing is changed there
for f in ro dm/name new; do x dd if=/dev/null of=/sys/block/dm-0/$f conv=notrunc status=none; done
x rm /sys/block/dm-0/size; x mkdir /sys/block/dm-0/new
x dmsetup rename s s2
x cat /sys/block/dm-0/dm/name
x dmsetup remove nt s2
h /sys/block/loop0 /sys/block/loop1 /sys/block/dm-0
x dmsetup create ro --readonly --table "'0 16 zero'"
x cat /sys/block/dm-0/ro /sys/block/dm-0/size
x dmsetup remove ro
