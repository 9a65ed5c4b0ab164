#!/usr/bin/env bash
# Links and directories of a user's own in the mount, as udev and lvm make them in /dev: made, renamed,
# listed and removed; the names of devices and of the mount's own can't be taken, nor too many be made.
. "$(dirname "$0")/lib.sh"
mount_here
make_random a 64
cd "$mnt"
dmfuse create vg-lv --table "0 64 linear $test_directory/a 0"

# As lvm does: a directory, and links in it.
mkdir vg
ln -s ../mapper/vg-lv vg/lv
prints ../mapper/vg-lv readlink vg/lv
same 'a device by the link' "$test_directory/a" vg/lv
prints $'block\ndm-0\nmapper\nproc\nvg' ls
prints lv ls vg
prints 'vg d' find vg -maxdepth 0 -printf '%p %y'
prints 'vg/lv l 15 1' find vg -type l -printf '%p %y %s %n'
prints "777 $(id -u) $(id -g)" stat -c '%a %u %g' vg/lv
prints 6 stat -c %h .
prints 2 stat -c %h vg
(umask 027 && mkdir vg/closed)
prints 750 stat -c %a vg/closed
prints 3 stat -c %h vg
chmod 700 vg/closed
prints 700 stat -c %a vg/closed
touch -h -d @5 vg/lv
prints 5 stat -c %Y vg/lv
rmdir vg/closed
# As udev does: a link beside it, renamed over it.
ln -s ../mapper/other vg/.tmp
before=$(stat -c %i vg/.tmp)
mv -T vg/.tmp vg/lv
prints ../mapper/other readlink vg/lv
equal 'its inode number' "$before" "$(stat -c %i vg/lv)"
ln -sfn ../mapper/vg-lv vg/lv
# A name that only begins as a device's does.
mkdir dm-data
ln -s ../mapper/vg-lv dm-data/lv
dmfuse create upper --table "0 64 linear $mnt/dm-data/lv 0"
dmfuse remove upper
rm -r dm-data
prints ../mapper/vg-lv readlink vg/lv
# More than one level, and from one to another.
mkdir -p disk/by-id/deep
ln -s ../../dm-0 disk/by-id/dm-name
mv disk/by-id/dm-name disk/by-id/deep/
prints dm-name ls disk/by-id/deep
mv vg vg2
same 'in a directory that was renamed' "$test_directory/a" vg2/lv
# Bytes, whatever they are.
odd=$'a\xff\n\xc3\xa9'
ln -s "$odd" "$odd"
prints "$odd" readlink "$odd"
rm "$odd"

# What is refused.
fails_like '*File exists' mkdir mapper
fails_like '*File exists' ln -s x dm-0
fails_like '*Operation not permitted' ln -s x dm-7
fails_like '*Operation not permitted' mkdir dm-7
fails_like '*Operation not permitted' mv vg2 dm-7
fails_like '*Operation not permitted' mv dm-0 vg2/x
fails_like '*Operation not permitted' mv mapper other
fails_like '*Operation not permitted' rm -f dm-0
fails_like '*Operation not permitted' rmdir block
fails_like '*Operation not permitted' ln -s x mapper/x
fails_like '*Operation not permitted' touch vg2/file
fails_like '*Operation not permitted' ln -P vg2/lv vg2/hard
fails_like '*Directory not empty' rmdir vg2
fails_like '*Directory not empty' mv -T disk vg2
fails_like '*File exists' mkdir vg2
fails_like '*subdirectory of itself*' mv disk disk/by-id
fails_like '*File name too long' ln -s x "$(printf 'n%.0s' {1..256})"
# A name that only looks like a device's can be taken, and a device that comes later takes none.
ln -s x dm-07
dmfuse create seven --table '0 1 zero'
dmfuse rename seven vg2
prints $'dm-0\ndm-07\ndm-1' eval 'ls | grep dm-'
prints '../dm-1' readlink mapper/vg2
dmfuse remove vg2

rm -rf vg2 disk dm-07
prints $'block\ndm-0\nmapper\nproc' ls
prints 5 stat -c %h .

# 8 MiB of names and targets and no more; then what is there still works, and what is removed makes room.
mkdir full
cd full
path=$(printf 'd/%.0s' {1..1920})
seq -f "$path%0255.0f" 1 1928 | xargs -s 1000000 ln -s -t .
prints 1928 eval 'ls -U | wc -l'
ln -s "$(printf 'x%.0s' $(seq $(((8 << 20) - 4 - 1928 * 4350 - 4))))" rest
fails_like '*No space left on device' ln -s x y
fails_like '*No space left on device' mkdir y
fails_like '*No space left on device' mv rest longer
same 'a device' "$test_directory/a" ../mapper/vg-lv
mv rest less || fail 'a name of the same length'
mv less r
ln -s x y
prints x readlink y
cd "$mnt"
rm -rf full
prints $'block\ndm-0\nmapper\nproc' ls

# Nobody else makes any, where others may enter at all.
if is_root && command -v setpriv >/dev/null; then
    cd "$test_directory"
    unmount_here
    mount_here --allow-other
    chmod 755 .
    mkdir "$mnt/theirs" "$mnt/ours"
    chown 65534:65534 "$mnt/theirs"
    someone() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
    fails_like '*Permission denied' someone ln -s x "$mnt/x"
    fails_like '*Permission denied' someone mkdir "$mnt/ours/x"
    someone ln -s x "$mnt/theirs/x"
    prints 65534 stat -c %u "$mnt/theirs/x"
    fails_like '*Permission denied' someone rmdir "$mnt/theirs"
fi
cd "$test_directory"
unmount_here
# They are a daemon's own: the next one knows nothing of them.
mount_here
prints $'block\nmapper\nproc' ls "$mnt"
unmount_here
