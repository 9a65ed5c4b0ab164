#!/usr/bin/env bash
# As: root
# lvm on loop-backed physical volumes, through the life of a linear and a striped volume.
. "$(dirname "$0")/lib.sh"
need_command lvm losetup
mount_here
mkdir dev etc
for image in pv0 pv1; do
    truncate -s 64M "$image"
    loop_over "$image"
    ln -s "$loop" "dev/$image"
done
# lvm makes links to its volumes in a device directory, which is one of our own here.
ln -s "$mnt/mapper" dev/mapper
cat >etc/lvm.conf <<CONF
devices {
    dir = "$PWD/dev"
    scan = [ "$PWD/dev" ]
    obtain_device_list_from_udev = 0
    external_device_info_source = "none"
    use_devicesfile = 0
    filter = [ "a|/pv[01]\$|", "r|.*|" ]
}
activation {
    udev_sync = 0
    udev_rules = 0
    monitoring = 0
}
backup {
    backup = 0
    archive = 0
}
global {
    locking_dir = "$PWD/lock"
    event_activation = 0
}
CONF
export LVM_SYSTEM_DIR=$PWD/etc LVM_SUPPRESS_FD_WARNINGS=1
# WORDS...: succeeds, and complains of nothing but that there are no backups of its metadata.
lvm() {
    dmfuse run -- lvm "$@" >said 2>errors </dev/null || fail "lvm $*" "$(cat said errors)"
    ! grep -v 'WARNING: This metadata update is NOT backed up' errors || fail "lvm $* complained"
    sed 's/^ *//; s/ *$//' said
}
numbered() { printf '%d:%d' "0x$(stat -c %t "$1")" "0x$(stat -c %T "$1")"; }
first=$(numbered "${loops[0]}") second=$(numbered "${loops[1]}")

lvm pvcreate "$PWD/dev/pv0" "$PWD/dev/pv1" >/dev/null
prints 'Volume group "vg" successfully created' lvm vgcreate vg "$PWD/dev/pv0" "$PWD/dev/pv1"
prints 'Logical volume "lin" created.' lvm lvcreate -y -Wy -Zy -L 16M -n lin vg
prints 'Logical volume "str" created.' lvm lvcreate -y -Wy -Zy -i 2 -I 64k -L 32M -n str vg
prints "vg-lin: 0 32768 linear $first 2048
vg-str: 0 65536 striped 2 128 $first 34816 $second 2048" dmfuse table
make_random bytes 65536
dmfuse run -- dd if=bytes of="$PWD/dev/vg/str" bs=1M conv=notrunc,fsync status=none
same 'the striped volume' bytes "$(device vg-str)"
same 'its second chunk' <(sectors bytes 128 128) <(sectors pv1 2048 128)
dd if=bytes of="$(device vg-lin)" bs=1M count=16 conv=notrunc,fsync status=none
lvm lvextend -L +16M vg/lin >/dev/null
prints "0 32768 linear $first 2048
32768 32768 linear $first 67584" dmfuse table vg-lin
same 'it keeps its bytes' <(sectors bytes 0 32768) <(sectors "$(device vg-lin)" 0 32768)
prints 'Renamed "lin" to "line" in volume group "vg"' lvm lvrename vg lin line
prints 'line 32.00m
str 32.00m' eval "lvm lvs --noheadings -o lv_name,lv_size vg | tr -s ' '"
prints '0 logical volume(s) in volume group "vg" now active' lvm vgchange -an vg
prints 'No devices found' dmfuse ls
prints '2 logical volume(s) in volume group "vg" now active' lvm vgchange -ay vg
same 'the striped volume, again' bytes "$(device vg-str)"
same 'the linear one' <(sectors bytes 0 32768) <(sectors "$(device vg-line)" 0 32768)
prints 'Logical volume "str" successfully removed.' lvm lvremove -y vg/str
prints 'Logical volume "line" successfully removed.' lvm lvremove -y vg/line
prints 'No devices found' dmfuse ls
prints 'Volume group "vg" successfully removed' lvm vgremove vg
unmount_here
