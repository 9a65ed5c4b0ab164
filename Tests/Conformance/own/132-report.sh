#!/bin/bash
# sorting, separators and selection of info -c
x() { echo "\$ $*"; eval "$*" 2>&1; echo "= $?"; while read -r _l; do [[ $_l = hrtimer* ]] || echo "K| $_l"; done < <(busybox dmesg -c); }
disk() { truncate -s "$2" "d$1.img"; losetup $3 "/dev/loop$1" "d$1.img"; dmesg -C; }

disk 0 512K
for i in 3 1 2; do dmsetup create n$i -u U$i --table "0 $i zero"; done
x "dmsetup create lin -u V --table '0 8 linear /dev/loop0 0
8 8 linear /dev/loop0 8'"
x dmsetup suspend n2
x dmsetup rename n3 n3 --setuuid x
x dmsetup info -c -o name,minor
x dmsetup info -c -o name,minor -O minor
x dmsetup info -c -o name,minor -O -minor
x dmsetup info -c -o name,segments -O -segments,name
x dmsetup info -c -o name,segments -O +segments,-name
x dmsetup info -c -o minor -O name
x dmsetup info -c -O uuid
x dmsetup info -c -O nosuch
x dmsetup info -c -O ''
x dmsetup info -c --sort name -o name
x dmsetup info -c --separator : -o name,uuid,minor
x dmsetup info -c --noheadings --separator "', '" -o name,uuid,minor
x dmsetup info -c --noheadings
x dmsetup info -c --noheadings -o name
x dmsetup info -c --nameprefixes -o name,uuid,minor
x dmsetup info -c --nameprefixes --noheadings --separator ' ' -o all_nosuch
x dmsetup info -c --nameprefixes --noheadings -o name,minor n1
x dmsetup info -c --separator '' -o name,minor
for s in "name=n1" "name=n1 || name=lin" "segments>1" "minor>=1 && minor<3" "suspended=Suspended" "name=~^n" "name!~^n" "!(name=n1)" "uuid=U1" "uuid=''" "open=0" "attr=L--w" "nosuch=1" "name" "minor=x" "minor=1k" "name=~[" "events!=0" "readonly=Writeable" "tables_loaded=Live" "read_ahead=256" "(name=n1" "name==n1" "segments='1'"; do
	x dmsetup info -c -o name -S "\"$s\""
done
x "dmsetup info -S 'name=n1'"
x "dmsetup table -S 'segments>1'"
x "dmsetup status -S 'name=~n'"
x "dmsetup ls -S 'name=n1'"
x "dmsetup deps -S 'name=lin'"
x "dmsetup remove -S 'name=n1'"
x "dmsetup suspend -S 'name=n3'"
x dmsetup info -c -S help
x dmsetup info -c -o name,suspended
x dmsetup remove_all
x dmsetup info -c
x dmsetup info -c -o name --noheadings
