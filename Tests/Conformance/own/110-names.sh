#!/bin/bash
# names and uuids with special characters, and how they are mangled
x() { echo "\$ $*"; eval "$*" 2>&1; echo "= $?"; while read -r _l; do [[ $_l = hrtimer* ]] || echo "K| $_l"; done < <(busybox dmesg -c); }
disk() { truncate -s "$2" "d$1.img"; losetup $3 "/dev/loop$1" "d$1.img"; dmesg -C; }

c() { x "dmsetup create $* --table '0 8 zero'"; }
for m in auto hex none; do
	c --manglename $m "'sp ace $m'"
	c --manglename $m "'a+b:c@d.$m'"
	c --manglename $m "'q\"uo,te;$m'"
	c --manglename $m "'per%cent#$m'"
	c --manglename $m "'back\\slash$m'"
	c --manglename $m "'x\\x20y$m'"
	c --manglename $m "'x\\x41y$m'"
	c --manglename $m "'mi x\\x20ed$m'"
	c --manglename $m "'bad\\xzz$m'"
	c --manglename $m "'tw\\x5cx20ice$m'"
	c --manglename $m "'ümläut$m'"
	c --manglename $m "u$m -u "'"u id/;$m"'
done
c --manglename other n
for m in auto hex none; do
	x dmsetup ls --manglename $m
	x dmsetup info -c --manglename $m -o name,mangled_name,unmangled_name,uuid,mangled_uuid,unmangled_uuid
done
x ls /dev/mapper
x dmsetup table "'sp ace auto'"
x dmsetup table "'sp\\x20ace auto'"
x dmsetup table "'sp\\x20ace\\x20auto'"
x dmsetup table --manglename none "'sp\\x20ace\\x20auto'"
x dmsetup table --manglename none "'sp ace none'"
x dmsetup table "'sp ace none'"
x dmsetup table "/dev/mapper/sp\\\\x20ace\\\\x20auto"
x dmsetup info "'sp ace auto'"
x dmsetup info -u "'u id/;auto'"
x dmsetup rename "'sp ace auto'" "'new name'"
x dmsetup rename "'new name'" "'n\\x20x'"
x dmsetup rename "'n\\x20x'" "'n x\\x20y'"
x dmsetup mangle
x dmsetup ls --manglename none
x dmsetup mangle "'sp ace none'"
x DM_DEFAULT_NAME_MANGLING_MODE=none dmsetup ls
x DM_DEFAULT_NAME_MANGLING_MODE=hex dmsetup ls
x DM_DEFAULT_NAME_MANGLING_MODE=foo dmsetup ls
x dmsetup remove_all
x dmsetup ls
