#!/bin/bash
# every field of info -c
x() { echo "\$ $*"; eval "$*" 2>&1; echo "= $?"; while read -r _l; do [[ $_l = hrtimer* ]] || echo "K| $_l"; done < <(busybox dmesg -c); }
disk() { truncate -s "$2" "d$1.img"; losetup $3 "/dev/loop$1" "d$1.img"; dmesg -C; }

disk 0 512K; disk 1 512K
x "dmsetup create vg-lv1 -u LVM-abcdefghijklmnopqrstuvwxyz0123450123456789abcdefghijklmnopqrstuv --table '0 64 linear /dev/loop0 0
64 64 linear /dev/loop1 0'"
x "dmsetup create vg--x-lv2-real -u LVM-xyz-real -r --table '0 8 linear /dev/mapper/vg-lv1 0'"
x "dmsetup create part1 -u part1-U --table '0 8 linear /dev/mapper/vg-lv1 8'"
x "dmsetup create luks -u CRYPT-LUKS2-0123 --table '0 8 zero'"
x "dmsetup create bare --notable"
x "dmsetup load vg-lv1 --table '0 8 zero'"
x dmsetup suspend luks
for f in name mangled_name unmangled_name uuid mangled_uuid unmangled_uuid read_ahead blkdevname attr tables_loaded suspended readonly devno major minor open segments events device_count devs_used devnos_used blkdevs_used device_ref_count names_using_dev devnos_using_dev subsystem vg_name lv_name lv_layer; do
	x dmsetup info -c -o name,$f
done
x dmsetup info -c -o +suspended,readonly
x dmsetup info -c -o name,nosuch
x dmsetup info -c -o ''
x dmsetup info -c -o name -o uuid
x dmsetup info -c -o uuid,name luks
x dmsetup info -c --inactive -o name,attr,segments
x dmsetup info -c -o name_all
x dmsetup info -c -o splitname_all
x dmsetup info -c -o name,attr,read_ahead vg-lv1 luks
x dmsetup info -c -o name nosuch
x dmsetup info -c -o name luks nosuch bare
x "dmsetup info -c -o help"
x dmsetup splitname vg-lv1
x dmsetup splitname vg--x-lv2-real
x dmsetup splitname vg-lv LVM
x dmsetup splitname vg-lv CRYPT
x dmsetup splitname -c --noheadings -o vg_name,lv_name,lv_layer a--b-c--d-e
x dmsetup splitname a-b-c-d-e
x dmsetup splitname plain
x dmsetup splitname
x dmsetup resume luks
x dmsetup remove_all
