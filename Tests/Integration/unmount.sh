#!/usr/bin/env bash
# Unmounting: a busy device makes it fail, in one line that names the device; by force held requests
# fail with EIO. SIGTERM ends cleanly. What was written is in the files, and nothing is left behind.
. "$(dirname "$0")/lib.sh"
nothing_left() {
    eventually "$mnt is no mount any more" eval '! is_mounted "$mnt"'
    prints '' ls "$mnt"
    ends_with 0 "$daemon"
    [ ! -e "$socket" ] || fail "$socket is left"
}
make_random image 2048
fresh() {
    mount_here
    socket=$(readlink "$mnt/mapper/control")
    rm -f a && make_file a 2048
    dmfuse create lower --table "0 2048 linear $PWD/a 0"
    dmfuse create upper --table "0 2048 linear $(device lower) 0"
}

# With devices, but none in use but by each other.
fresh
dd if=image of="$(device upper)" bs=64k conv=notrunc status=none
prints '' dmfuse unmount "$mnt"
nothing_left
same 'what was written' image a

# In use: refused, nothing changed; then let go.
fresh
hold_open "$(device upper)"
holder=$!
refuses "dmfuse: unmount $mnt: Device or resource busy: in use: upper" dmfuse unmount "$mnt"
dd if=image of="$(device upper)" bs=64k conv=notrunc status=none
prints $'lower:1\nupper:1' dmfuse info -c --noheadings -o name,open
let_go "$holder"
prints '' dmfuse unmount "$mnt"
nothing_left
same 'what was written' image a

# By force, with requests held.
fresh
dd if=image of="$(device upper)" bs=64k count=8 conv=notrunc status=none
dmfuse suspend lower
start dd if="$(device upper)" of=/dev/null bs=4k count=1 iflag=direct status=none 2>reader
reader=$!
start dd if=image of="$(device upper)" bs=4k seek=128 count=1 oflag=direct conv=notrunc status=none 2>writer
writer=$!
eventually 'both are held' eval 'is_held $reader 0 && is_held $writer 1'
refuses "dmfuse: unmount $mnt: Device or resource busy: in use: upper" dmfuse unmount "$mnt"
still_run "$reader" "$writer"
prints '' dmfuse unmount --force "$mnt"
ends_with 1 "$reader"
ends_with 1 "$writer"
grep -q 'Input/output error' reader || fail 'the held read' "$(<reader)"
grep -q 'Input/output error' writer || fail 'the held write' "$(<writer)"
nothing_left
same 'what was written before' <(sectors image 0 1024) <(sectors a 0 1024)
zeros 'what was held' a 1024 8

# By SIGTERM: in use or not.
for use in idle held; do
    fresh
    dd if=image of="$(device upper)" bs=64k conv=notrunc status=none
    if [ "$use" = held ]; then
        dmfuse suspend upper
        start dd if="$(device upper)" of=/dev/null bs=4k count=1 iflag=direct status=none 2>reader
        reader=$!
        eventually 'the read is held' is_held "$reader" 0
    fi
    kill -TERM "$daemon"
    [ "$use" = idle ] || ends_with 1 "$reader"
    nothing_left
    same "what was written, $use" image a
done

# A suspend that waits for I/O, and a wait for an event, end with the daemon.
fresh
dmfuse suspend lower
start dd if="$(device upper)" of=/dev/null bs=4k count=1 iflag=direct status=none 2>reader
reader=$!
eventually 'the read is held' is_held "$reader" 0
start "$DMFUSE" suspend upper 2>suspend
suspend=$!
start "$DMFUSE" wait lower 2>wait
wait=$!
eventually 'both wait' eval 'is_served $suspend 2 && is_served $wait 2'
prints '' dmfuse unmount --force "$mnt"
eventually 'suspend ends' has_ended "$suspend"
eventually 'wait ends' has_ended "$wait"
ends_with 1 "$reader"
nothing_left

# Unmounted by others' means, the daemon ends as well.
fresh
dd if=image of="$(device upper)" bs=64k conv=notrunc status=none
if is_root; then umount "$mnt"; else fusermount3 -u "$mnt"; fi
nothing_left
same 'what was written' image a
