#!/usr/bin/env bash
# Names and uuids are byte strings up to 127 and 128 bytes; odd bytes stand mangled in the mount, as
# dmsetup's nodes do, and read plain everywhere else.
. "$(dirname "$0")/lib.sh"
mount_here
make_random a 64
shows() { # NAME, NODE
    prints '' dmfuse create "$1" --table "0 64 linear $PWD/a 0"
    prints "$1" dmfuse info -c --noheadings -o name
    equal "the node of '$1'" "$2" "$(ls "$mnt/mapper" | grep -v '^control$')"
    same "the device '$1'" a "$mnt/mapper/$2"
    # In a table line a backslash quotes what follows it.
    prints '' dmfuse create upper --table "0 64 linear $mnt/mapper/${2//\\/\\\\} 0"
    same "a device over '$1'" a "$(device upper)"
    dmfuse remove upper
    prints '' dmfuse remove "$1"
}
shows plain plain
shows 'with blank' 'with\x20blank'
shows 'a&b;c' 'a\x26b\x3bc'
shows 'ümlaut' '\xc3\xbcmlaut'
shows '+-.:=@_' '+-.:=@_'
long=$(printf 'n%.0s' {1..127})
shows "$long" "$long"
fails_like 'dmfuse: create *too long*' dmfuse create "${long}n" --notable

uuid=$(printf 'u%.0s' {1..128})
prints '' dmfuse create d -u "$uuid" --table "0 64 linear $PWD/a 0"
prints "d:$uuid" dmfuse info -c --noheadings -o name,uuid -u "$uuid"
fails_like 'dmfuse: *' dmfuse create e -u "${uuid}u" --notable
# Names sort by bytes; numbers can be chosen.
for name in b a B A 10 9; do dmfuse create "$name" --notable; done
prints $'10\n9\nA\nB\na\nb\nd' dmfuse info -c --noheadings -o name -O name
dmfuse remove a b A B 10 9
major=$(dmfuse info -c --noheadings -o major d)
prints '' dmfuse create chosen --major "$major" --minor 1234 --table "0 64 linear $PWD/a 0"
prints "$major:1234" dmfuse info -c --noheadings -o major,minor chosen
same 'by its number' a "$mnt/dm-1234"
prints "../dm-1234" readlink "$(device chosen)"
unmount_here
