#!/usr/bin/env bash
# What the C library does by calls of its own finds the mount's devices under `dmfuse run`: glob, ftw, nftw,
# and the file actions of posix_spawn.
. "$(dirname "$0")/lib.sh"
need_helper trees
mount_here
make_random a 8
dmfuse create one --table "0 8 linear $PWD/a 0"
dmfuse create two --table '0 8 zero'
major=$(dmfuse info -c --noheadings -o major one)
trees() { dmfuse run -- "$helpers/trees" "$@"; }

prints '/dev/mapper/one
/dev/mapper/two' trees glob '/dev/m*r/[ot]*'
prints '/dev/dm-0
/dev/dm-1' trees glob '/dev/dm-[0-9]'
prints "/dev/block/$major:0" trees glob "/dev/block/*$major:0"
prints "$mnt/dm-0
$mnt/mapper/one" eval 'trees glob "$mnt/dm-0" && trees glob "$mnt/*/one"'
mkdir -p tree/mapper tree/deep/er
touch tree/file tree/mapper/file tree/dm-0
ln -s none tree/broken
ln -s .. tree/deep/up
for pattern in 'tree/*' 'tree/*/*' "$PWD/tree/[a-z]*/f*" 'tree/none*' 'tree/broken'; do
    same "glob $pattern" <("$helpers/trees" glob "$pattern" || echo $?) <(trees glob "$pattern" || echo $?)
done

# MARK: Trees

ours() { grep -E ' (/dev|/dev/mapper.*|/dev/dm-.*) ' | LC_ALL=C sort; }
prints 'd- 0 /dev dev
d- 1 /dev/mapper mapper
fb 1 /dev/dm-0 dm-0
fb 1 /dev/dm-1 dm-1
fb 2 /dev/mapper/one one
fb 2 /dev/mapper/two two
fc 2 /dev/mapper/control control' eval 'trees nftw /dev | ours'
prints 'd- 0 /dev/mapper /dev/mapper
fb 0 /dev/mapper/one /dev/mapper/one
fb 0 /dev/mapper/two /dev/mapper/two
fc 0 /dev/mapper/control /dev/mapper/control' eval 'trees ftw /dev/mapper | ours'
prints 'p- 1 /dev/mapper mapper' eval "trees depth /dev | grep '/dev/mapper '"
equal 'the last' 'p- 0 /dev dev' "$(trees depth /dev | tail -n 1)"
prints 'fb 0 /dev/mapper/one one' trees nftw /dev/mapper/one
# What the library does for /dev, the C library does for the rest, the same way: what is /dev to one of
# them is shown by a tree of which nothing is ours.
for how in ftw nftw depth physical; do
    same "$how" <("$helpers/trees" "$how" tree | sort) <(trees "$how" tree | sort)
    same "$how of /dev" <("$helpers/trees" "$how" /dev/pts | sort) <(trees "$how" /dev/pts | sort)
    same "$how of /dev" \
        <("$helpers/trees" "$how" /dev | grep -v '/dev/\(mapper\|dm-\|fd\|pts\|loop\|shm\|mqueue\)' | sort) \
        <(trees "$how" /dev | grep -v '/dev/\(mapper\|dm-\|fd\|pts\|loop\|shm\|mqueue\)' | sort)
done

# MARK: posix_spawn

same 'a device as standard input' a <(trees spawn /dev/mapper/one)
ln -s /dev/mapper/one link
same 'by a link' a <(trees spawn "$PWD/link")
same 'a file' a <(trees spawn a)
unmount_here
