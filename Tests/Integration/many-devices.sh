#!/usr/bin/env bash
# Ten thousand devices of root's are created, listed and removed; thousands of backing files are open at once,
# whatever the usual limit of descriptors is.
# Takes: long
. "$(dirname "$0")/lib.sh"
ulimit -Sn 1024
mount_here
count=$(tries 10000)
make_random a $((count * 8))
elapsed() { awk -v s="$1" -v e="$EPOCHREALTIME" 'BEGIN { printf "%.1f s", e - s }'; }
# One command for all, in dmsetup's concise form.
for ((i = 0; i < count; i++)); do
    printf 'device-%05d,,,,0 8 linear %s %d;' "$i" "$PWD/a" $((i * 8))
done >concise
begin=$EPOCHREALTIME
dmfuse create --concise <concise
note "$count devices created in $(elapsed "$begin")"

begin=$EPOCHREALTIME
dmfuse ls >list
note "listed in $(elapsed "$begin")"
equal 'devices listed' "$count" "$(wc -l <list)"
begin=$EPOCHREALTIME
dmfuse info -c --noheadings -o name >names
note "info of each in $(elapsed "$begin")"
same 'by name' names <(printf 'device-%05d\n' $(seq 0 $((count - 1))))
begin=$EPOCHREALTIME
equal "files in the mount" "$count" "$(find "$mnt" -maxdepth 1 -name "dm-*" | wc -l)"
equal 'links in the mount' "$((count + 1))" "$(find "$mnt/mapper" -type l | wc -l)"
note "the mount listed in $(elapsed "$begin")"
for i in 0 1 $((count / 2)) $((count - 2)) $((count - 1)); do
    same "device $i" <(sectors a $((i * 8)) 8) "$mnt/mapper/device-$(printf %05d "$i")"
done
begin=$EPOCHREALTIME
dmfuse remove_all
note "removed in $(elapsed "$begin")"
prints 'No devices found' dmfuse ls
prints control ls "$mnt/mapper"

# Each on a file of its own.
files=3000
[ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge 4096 ] || files=500
mkdir files
for ((i = 0; i < files; i++)); do
    echo "$i" >"files/$i"
    printf 'file-%d,,,,0 1 linear %s 0;' "$i" "$PWD/files/$i"
done >concise
(cd files && truncate -s 512 -- *)
dmfuse create --concise <concise
for i in 0 $((files / 2)) $((files - 1)); do prints "$i" head -n 1 "$(device "file-$i")"; done
prints '' dmfuse remove_all
note "$files backing files open at once"

# A thousand by a command each, as scripts do it.
begin=$EPOCHREALTIME
some=$(tries 1000)
for ((i = 0; i < some; i++)); do "$DMFUSE" create "d$i" --table "0 8 linear $PWD/a $((i * 8))"; done
for ((i = 0; i < some; i++)); do "$DMFUSE" remove "d$i"; done
note "$some created and removed by a command each in $(elapsed "$begin")"
prints 'No devices found' dmfuse ls
unmount_here
