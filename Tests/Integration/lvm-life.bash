# What the tests of lvm share; sourced after lib.sh.

# lvm, with the configuration of this machine. Its copy, for root: what lvm writes beside it goes with
# the test. A user has a directory of his own anyway.
lvm_here() {
    need_command lvm mkfs.ext4 e2fsck fsadm
    export LVM_SUPPRESS_FD_WARNINGS=1
    ! is_root || { cp -a /etc/lvm etc && export LVM_SYSTEM_DIR=$PWD/etc; }
    vg=dmfuse$$
}
# WORDS...: a command of lvm's succeeds; what it said is printed.
lvm() {
    dmfuse run -- "$@" >said 2>errors </dev/null || fail "$*" "$(cat said errors)"
    sed 's/^ *//; s/ *$//' said
}
# DEVICE: its number, as lvm finds it.
number_of() {
    dmfuse run -- stat -L -c '%t %T' "$1" | while read -r major minor; do printf '%d:%d' "0x$major" "0x$minor"; done
}
# PATH: of a link to a volume, or the directory of one, where this user's lvm makes it.
link_of() { if is_root; then echo "/dev/$1"; else echo "$mnt/$1"; fi; }

# DEVICE DEVICE: of 64 MiB each.
lvm_life() {
    local first second
    first=$(number_of "$1") second=$(number_of "$2")
    lvm pvcreate "$1" "$2" >/dev/null
    prints "Volume group \"$vg\" successfully created" lvm vgcreate "$vg" "$1" "$2"
    # No entry is asked for: a signature that is found is wiped, as by default.
    prints 'Logical volume "lin" created.' lvm lvcreate -y -L 16M -n lin "$vg"
    prints 'Logical volume "str" created.' lvm lvcreate -y -i 2 -I 64k -L 32M -n str "$vg"
    prints "$vg-lin: 0 32768 linear $first 2048
$vg-str: 0 65536 striped 2 128 $first 34816 $second 2048" eval 'dmfuse table | grep ^dmfuse | sort'

    # By the links that lvm made.
    prints "/dev/mapper/$vg-str" dmfuse run -- readlink -f "/dev/$vg/str"
    [ -L "$(link_of "$vg/str")" ] || fail "no link at $(link_of "$vg/str")"
    # In the mount it leads there for everybody.
    is_root || prints "../mapper/$vg-str" readlink "$mnt/$vg/str"
    prints $'lin\nstr' dmfuse run -- ls "/dev/$vg"
    make_random bytes 65536
    dmfuse run -- dd if=bytes of="/dev/$vg/str" bs=1M conv=notrunc,fsync status=none
    same 'the striped volume' bytes "$(device "$vg-str")"
    same 'the same by its link' bytes <(dmfuse run -- cat "/dev/$vg/str")
    prints 33554432 dmfuse run -- blockdev --getsize64 "/dev/$vg/str"
    # A table line that names a volume by its link.
    dmfuse run -- dmsetup create "$vg-top" --table "0 65536 linear /dev/$vg/str 0"
    same 'a device over it' bytes "$(device "$vg-top")"
    dmfuse run -- dmsetup remove "$vg-top"

    # Extended, with what is on it.
    quietly dmfuse run -- mkfs.ext4 -q "/dev/$vg/lin"
    lvm lvextend -r -L +16M "$vg/lin" >/dev/null
    prints "0 32768 linear $first 2048
32768 32768 linear $first 67584" dmfuse table "$vg-lin"
    prints 32768 eval "dumpe2fs -h '$(device "$vg-lin")' 2>/dev/null | sed -n 's/^Block count: *//p'"
    quietly e2fsck -fn "$(device "$vg-lin")"
    lvm lvreduce -y -r -L 16M "$vg/lin" >/dev/null
    prints "0 32768 linear $first 2048" dmfuse table "$vg-lin"
    quietly e2fsck -fn "$(device "$vg-lin")"

    # Renamed, switched off and on.
    prints "Renamed \"lin\" to \"line\" in volume group \"$vg\"" lvm lvrename "$vg" lin line
    prints $'line\nstr' dmfuse run -- ls "/dev/$vg"
    prints "Volume group \"$vg\" successfully renamed to \"${vg}x\"" lvm vgrename "$vg" "${vg}x"
    vg=${vg}x
    prints $'line\nstr' dmfuse run -- ls "/dev/$vg"
    prints $'line 16.00m\nstr 32.00m' \
        eval "lvm lvs --noheadings -o lv_name,lv_size $vg | tr -s ' '"
    prints "0 logical volume(s) in volume group \"$vg\" now active" lvm vgchange -an "$vg"
    prints '' eval 'dmfuse info -c --noheadings -o name | grep ^dmfuse || true'
    [ ! -e "$(link_of "$vg")" ] || fail "links of what isn't active"
    prints "2 logical volume(s) in volume group \"$vg\" now active" lvm vgchange -ay "$vg"
    same 'the striped volume, again' bytes "$(device "$vg-str")"

    # Removed.
    prints 'Logical volume "str" successfully removed.' lvm lvremove -y "$vg/str"
    lvm vgreduce "$vg" "$2" >/dev/null
    prints "$1 $vg" eval "lvm pvs --noheadings -o pv_name,vg_name -S vg_name=$vg | tr -s ' '"
    lvm vgremove -y "$vg" >/dev/null
    lvm pvremove "$1" "$2" >/dev/null
    prints '' eval 'dmfuse info -c --noheadings -o name | grep ^dmfuse || true'
    [ ! -e "$(link_of "$vg")" ] || fail "links of what was removed"
}
