#!/bin/bash
# create --concise and table --concise
x() { echo "\$ $*"; eval "$*" 2>&1; echo "= $?"; while read -r _l; do [[ $_l = hrtimer* ]] || echo "K| $_l"; done < <(busybox dmesg -c); }
disk() { truncate -s "$2" "d$1.img"; losetup $3 "/dev/loop$1" "d$1.img"; dmesg -C; }

disk 0 512K; disk 1 512K
x "dmsetup create --concise 'a,,,,0 8 zero'"
x "dmsetup create --concise 'b,U-b,5,ro,0 8 linear /dev/loop0 0,8 8 zero;c,,,rw,0 16 striped 2 8 /dev/loop0 0 /dev/loop1 0'"
x dmsetup table --concise
x dmsetup table --concise a
x dmsetup table --concise a b
x dmsetup table --concise --target zero
x dmsetup info -c
x dmsetup info -c -o name,readonly
x "dmsetup table --concise b >saved; dmsetup remove b; dmsetup create --concise <saved"
x dmsetup table --concise b
x "echo 'd,,,,0 8 zero' | dmsetup create --concise"
x "dmsetup create --concise ''"
x "dmsetup create --concise e"
x "dmsetup create --concise 'e,,,'"
x "dmsetup create --concise 'e,,,,'"
x "dmsetup create --concise 'e,,,xx,0 8 zero'"
x "dmsetup create --concise 'e,,x,,0 8 zero'"
x "dmsetup create --concise ',,,,0 8 zero'"
x "dmsetup create --concise 'e,,,,0 8'"
x "dmsetup create --concise 'e,,,,0 8 nosuch'"
x "dmsetup create --concise 'f,,,,0 8 zero;a,,,,0 8 zero;g,,,,0 8 zero'"
x "dmsetup create --concise 'h,,,,0 8 zero;i,,,,0 8 linear'"
x "dmsetup create --concise 'j,,,,0 8 zero;'"
x "dmsetup create --concise 'k,,,,0 8 zero;;'"
x "dmsetup create --concise 'l\\,m,,,,0 8 zero'"
x "dmsetup create --concise 'n\\;o,,,,0 8 zero'"
x "dmsetup create --concise 'p\\\\'"
x "dmsetup create --concise 'q,,, ro,0 8 zero; r , , , , 0 8 zero'"
x "dmsetup create --concise a b"
x "dmsetup create --concise -u U 's,,,,0 8 zero'"
x "dmsetup create --concise --notable 's,,,,0 8 zero'"
x dmsetup ls
x dmsetup table --concise
x "dmsetup create nothing --notable"
x dmsetup table --concise nothing
x dmsetup status --concise a
x dmsetup remove_all
