#!/usr/bin/env bash
# Directories under `dmfuse run`: /dev and what is below it hold the mount's devices, with their types, by
# whatever call they are read.
. "$(dirname "$0")/lib.sh"
need_helper entries
mount_here
run() { dmfuse run -- "$@"; }
entries() { run "$helpers/entries" "$@"; }
dmfuse create one --table '0 8 zero'
dmfuse create two --table '0 8 zero'
dmfuse create 'a\x20b' --table '0 8 zero'
major=$(dmfuse info -c --noheadings -o major one)

prints 'dm-0 b
dm-1 b
dm-2 b
mapper d' entries /dev dm- mapper
prints '. d
.. d
a\x20b b
control c
one b
two b' entries /dev/mapper
prints '. d
.. d
block d
dm-0 b
dm-1 b
dm-2 b
mapper d
proc d' entries "$mnt"
same 'all others of /dev' <("$helpers/entries" /dev | grep -v '^dm-\|^mapper ') \
    <(entries /dev | grep -v '^dm-\|^mapper ')
mkdir plain plain/dm-0 && ln -s x plain/mapper
prints '. d
.. d
dm-0 d
mapper l' entries "$PWD/plain"
# To others it is what it is.
prints 'control l
one l' "$helpers/entries" "$mnt/mapper" one control

prints '/dev/dm-0 /dev/dm-1 /dev/dm-2' run bash -c 'echo /dev/dm-*'
prints "$mnt/dm-0
$mnt/dm-1
$mnt/dm-2
$mnt/mapper/a\\x20b
$mnt/mapper/one
$mnt/mapper/two" eval 'run find "$mnt" -type b | sort'
prints '/dev/mapper/a\x20b
/dev/mapper/one
/dev/mapper/two' eval 'run find /dev/mapper -type b | sort'
if command -v python3 >/dev/null; then
    prints "['/dev/mapper/one', '/dev/mapper/two'] ['dm-0', 'dm-1', 'dm-2']" run python3 -c '
import glob, os
print(sorted(glob.glob("/dev/mapper/[ot]*")), sorted(e.name for e in os.scandir("/dev") if e.name[:3] == "dm-"))'
fi

# More of them than the table of streams holds: none ends the program.
cat >many.c <<'C'
#include <dirent.h>
#include <stddef.h>
#include <string.h>
int main(void)
{
    static DIR *streams[200];
    int with = 0;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 200; i++)
            if (!(streams[i] = opendir("/dev")))
                return 1;
        with = 0;
        for (int i = 0; i < 200; i++) {
            struct dirent *entry;
            while ((entry = readdir(streams[i])))
                with += strcmp(entry->d_name, "dm-1") == 0;
        }
        for (int i = 0; i < 200; i++)
            closedir(streams[i]);
        if (with < 64)
            return 2;
    }
    return 0;
}
C
"$(c_compiler)" -O2 -o many many.c
prints '' run ./many

# No stream at all is none of those that are remembered.
cat >none.c <<'C'
#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
int main(void)
{
    DIR *volatile none = NULL;
    DIR *dev = opendir("/dev");
    if (!dev || closedir(none) != -1 || errno != EINVAL)
        return 1;
    for (struct dirent *entry; (entry = readdir(dev));)
        if (strcmp(entry->d_name, "dm-0") == 0)
            return 0;
    return 2;
}
C
"$(c_compiler)" -O2 -Wno-nonnull -o none none.c
prints '' run ./none

# What the machine's own device-mapper has isn't shown; and /dev/block, where there is one.
if is_root && unshare -m true 2>/dev/null; then
    cat >inside <<'SCRIPT'
set -e
mkdir dev
mount -t tmpfs none dev
mkdir dev/mapper dev/block
touch dev/mapper/kernels dev/dm-7 dev/dm-x "dev/block/${2}9" dev/block/7:0
take_for_dev dev
echo /dev:; "$DMFUSE" run -- "$1" /dev dm- mapper
echo /dev/block:; "$DMFUSE" run -- "$1" /dev/block "$2" 7
SCRIPT
    prints "/dev:
dm-0 b
dm-1 b
dm-2 b
dm-x r
mapper d
/dev/block:
$major:0 l
$major:1 l
$major:2 l
7:0 r" unshare -m bash inside "$helpers/entries" "$major:"
else
    note 'a /dev of our own left out: mounting is not permitted here'
fi
unmount_here
