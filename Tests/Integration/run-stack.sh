#!/usr/bin/env bash
# `dmfuse run` takes little of a program's stack: every function that the library stands before works on
# 8 KiB, in a signal handler as well, with any path; and what isn't the mount's it doesn't change.
. "$(dirname "$0")/lib.sh"
need_helper each-call
need_command nm
library=$helpers/libdmfuse-preload.so
each=$helpers/each-call
# Bytes: what the library may take before a call that isn't its own, and at all.
readonly before=1024 whole=3072

# All are tried, also those that are yet to come.
same 'the functions that are tried' <(nm -D --defined-only "$library" | awk '$2 ~ /^[TWi]$/ { print $3 }' | sort) \
    <("$each" --list | sort -u)
readelf -d "$library" 2>/dev/null | grep -q 'NOW' ||
    fail 'the library looks functions up when they are first called, which takes 3 KiB of stack'

mount_here
dmfuse create one --table '0 8 zero'
dmfuse create 'a b' --table '0 8 zero'
major=$(dmfuse info -c --noheadings -o major one)
others=("other=$PWD/file" "directory=$PWD/directory" 'relative=file' 'nothing=/nowhere/at/all'
    'empty=' "slashes=%4000%$PWD/file" "beyond=%6000%$PWD/file" null wild edge)
ours=('one=/dev/mapper/one' 'odd=/dev/mapper/a\x20b' 'by-minor=/dev/dm-0' "by-number=/dev/block/$major:0"
    'no-number=/dev/block/4294967295:1' 'mapper=/dev/mapper' 'devices-directory=/dev' 'mount='"$mnt" 'control=/dev/mapper/control'
    "inside=$mnt/mapper/a\\x20b" 'none=/dev/mapper/no such' 'devices=/proc/devices'
    'name=/sys/block/dm-0/dm/name' "link=/sys/dev/block/$major:0"
    "by-directory=$PWD/here/led-directory/one" 'by-dots=/dev/mapper/../mapper/one'
    'one/slashes=/dev%4000%mapper/one' "odd/slashes=$mnt%3000%mapper/a\\x20b"
    "long=$mnt%6000%mapper/a\\x20b" 'long-name=/dev/mapper/%4000%a b/c')

# What other libraries look up when they first need it isn't counted.
export LD_BIND_NOW=1
mkdir here && cd here
ln -s /dev/mapper led-directory
"$each" "${others[@]}" >../without || fail 'without the library'
dmfuse run -- "$each" "${others[@]}" >../with || fail 'paths that are not ours'
dmfuse run -- "$each" "${ours[@]}" >../ours || fail 'paths that are ours'
cd ..

# FILE [KIND]: what became of the calls.
outcomes() { awk -v kind="${2:-}" '!kind || $2 == kind { print $1, kind ? "" : $2, $3 }' "$1"; }
same 'what becomes of calls that are not ours' <(outcomes without) <(outcomes with)
same 'a path of more slashes' <(outcomes ours one) <(outcomes ours one/slashes)
same 'a path with ..' <(outcomes ours one) <(outcomes ours by-dots)
# Each function that changes nothing.
[ "$(outcomes ours by-directory | wc -l)" -gt 50 ] || fail 'no paths by a link were tried'
equal 'a path by a link to a directory' '' \
    "$(outcomes ours by-directory | grep -vxFf <(outcomes ours one) || true)"
same 'an odd name behind more slashes' <(outcomes ours odd) <(outcomes ours odd/slashes)
# The C library's realpath leaves slashes out by itself; of two paths the other one isn't there.
equal 'too long a path' 'ENAMETOOLONG' "$(awk '$2 == "long" && $3 != "EBADF" &&
    $1 !~ /realpath|canonicalize|getcwd|current_dir|glob|spawn|^link|^rename|mount|^swap|^fsconfig/ { print $3 }' ours | sort -u)"

# WHAT MOST FILE: more stack than the C library's function took for any path.
takes() {
    local said
    said=$(awk -v most="$2" '
        NR == FNR { if ($4 > own[$1]) own[$1] = $4; next }
        $4 > own[$1] + most { print $1, $2 ": " $4 - own[$1] " bytes" }' without "$3")
    [ -z "$said" ] || fail "$1: more than $2 bytes of stack" "$said"
    note "$1: at most $(awk 'NR == FNR { if ($4 > own[$1]) own[$1] = $4; next }
        $4 - own[$1] > most { most = $4 - own[$1] } END { print most }' without "$3") bytes of stack"
}
takes 'a call that is not ours' "$before" with
takes 'a call that is ours' "$whole" ours

# In a handler, on an alternate stack of 8 KiB, of which the kernel takes up to half.
cd here
dmfuse run -- "$each" --signal "${others[@]}" >../with-signal || fail 'in a handler: not ours'
dmfuse run -- "$each" --signal "${ours[@]}" >../ours-signal || fail 'in a handler: ours'
cd ..
unmount_here
