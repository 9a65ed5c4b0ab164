#!/usr/bin/env bash
# `dmfuse mount` goes to the background and returns when the mount answers, or says why not and
# leaves nothing behind. Commands find the mount by --dir, by DM_DEV_DIR, or because it is the only one.
. "$(dirname "$0")/lib.sh"
can_mount
mkdir one two
prints '' "$DMFUSE" mount one
is_mounted "$PWD/one" || fail 'mount returned before it was mounted'
prints control ls one/mapper
prints 'No devices found' dmfuse ls --dir "$PWD/one"
prints '' dmfuse create --dir one d --table '0 8 zero'
prints d env DM_DEV_DIR="$PWD/one" "$DMFUSE" info -c --noheadings -o name
prints d env DM_DEV_DIR="$PWD/one/" "$DMFUSE" info -c --noheadings -o name
# Whoever started the daemon isn't kept waiting for its descriptors, and its directory is free.
prints mounted soon bash -c "'$DMFUSE' mount two | cat; echo mounted"
mkdir away && (cd away && mkdir ../three && "$DMFUSE" mount ../three)
rmdir away

# Other mounts of this user may be there already.
said=$(env -u DM_DEV_DIR "$DMFUSE" ls 2>&1) && fail 'one of several mounts was taken'
[[ $said == "dmfuse: ls: several dmfuse mounts: name one with --dir or DM_DEV_DIR: "*"$PWD/one"* ]] ||
    fail "$said"
for directory in two three; do prints '' dmfuse unmount "$directory"; done
# It is the only one, but where this test shares its mounts with others: then the answer names one.
if said=$(env -u DM_DEV_DIR "$DMFUSE" info -c --noheadings -o name 2>&1); then
    equal 'the only mount' d "$said"
else
    others=${said#'dmfuse: info: several dmfuse mounts: name one with --dir or DM_DEV_DIR: '}
    [ "$others" != "$said" ] && [[ ", $others, " == *", $PWD/one, "* && $others == *', '* ]] ||
        fail 'the only mount' "$said"
fi

# A directory with something in it: that can't be seen meanwhile.
mkdir full && touch full/something
equal 'a mount over files' "dmfuse: mount $PWD/full: what is in the directory is hidden until the unmount" \
    "$("$DMFUSE" mount full 2>&1)"
prints '' dmfuse unmount full
prints something ls full
fails_like 'dmfuse: ls: DM_DEV_DIR is not an absolute path: full' env DM_DEV_DIR=full "$DMFUSE" ls

# Errors, each a line.
touch file
chmod 755 .
mounts=$(mounts_below "$PWD")
refuses "dmfuse: mount $PWD/file: Not a directory" dmfuse mount file
refuses "dmfuse: mount: No such file or directory: an empty name" dmfuse mount ''
mkdir removed
refuses 'dmfuse: mount: .: No such file or directory: the working directory has no path' \
    bash -c 'cd removed && rmdir ../removed && exec "$DMFUSE" mount .'
refuses "dmfuse: mount $PWD/nosuch: No such file or directory" dmfuse mount nosuch
refuses "dmfuse: mount $PWD/one: Device or resource busy: a dmfuse daemon serves it already" \
    dmfuse mount one
fails_like 'dmfuse: *' dmfuse mount
fails_like 'dmfuse: *' dmfuse mount --threads 0 two
fails_like 'dmfuse: *' dmfuse mount --threads x two
fails_like 'dmfuse: *' dmfuse mount --log-level loud two
fails_like "dmfuse: ls: $PWD/two: *" dmfuse ls --dir two
fails_like "dmfuse: *$PWD/two*" dmfuse unmount two
# Without the helper an ordinary user can't mount, and is told so.
if ! is_root; then
    mkdir nothing
    refuses "dmfuse: mount $PWD/two: No such file or directory: fusermount3 is not installed" \
        env PATH="$PWD/nothing" "$DMFUSE" mount two
    grep -qs '^user_allow_other' /etc/fuse.conf ||
        fails_like "dmfuse: mount $PWD/two: Operation not permitted: *allow_other*" \
            dmfuse mount --allow-other two
    mkdir -m 555 locked
    fails_like "dmfuse: mount $PWD/locked: Operation not permitted: *" dmfuse mount locked
fi
equal 'nothing more is mounted' "$mounts" "$(mounts_below "$PWD")"
prints d dmfuse info -c --noheadings -o name --dir one
prints '' dmfuse unmount one
# A name with blanks and the like, and options.
odd=$PWD/$'a b\\c\td'
mkdir "$odd"
prints '' dmfuse mount --threads 2 --log-level error "$odd"
prints '' dmfuse create --dir "$odd" d --table '0 8 zero'
prints 4096 eval 'wc -c <"$odd/mapper/d"'
prints '' dmfuse unmount "$odd"
equal 'nothing is mounted any more' '' "$(mounts_below "$PWD")"
