#!/usr/bin/env bash
# While a lower device is suspended and the upper one's I/O hangs in it, the upper one's info, table,
# status, deps, load and clear answer at once; only its suspend waits, and holds up nobody else.
. "$(dirname "$0")/lib.sh"
mount_here
make_random a 1024
make_file other 1024
dmfuse create lower --table "0 1024 linear $PWD/a 0"
dmfuse create upper --table "0 1024 linear $(device lower) 0"
dmfuse create third --table "0 1024 linear $PWD/other 0"
dmfuse suspend lower
start dd if="$(device upper)" of=read bs=512k count=1 iflag=direct status=none
reader=$!
start dd if=/dev/zero of="$(device upper)" bs=4k count=1 conv=notrunc status=none
writer=$!
eventually 'the I/O is held' eval "is_held $reader 0 && is_held $writer 1"

for command in 'info upper' 'table upper' 'status upper' 'deps upper' 'ls' 'ls --tree' \
    'table --inactive upper' 'info lower' 'table lower'; do
    # shellcheck disable=SC2086
    soon "$DMFUSE" $command >stdout || fail "no answer: $command"
done
soon "$DMFUSE" load upper --table '0 1024 zero' || fail 'no answer: load'
prints 'LI-w' dmfuse info -c --noheadings -o attr upper
soon "$DMFUSE" clear upper || fail 'no answer: clear'
still_run "$reader" "$writer"

# The upper one's suspend waits for its I/O; others don't wait for it.
start "$DMFUSE" suspend upper
suspend=$!
eventually 'the suspend waits' is_served "$suspend"
for command in 'info upper' 'table upper' 'status' 'suspend third' 'resume third' \
    'create fourth --notable' 'remove fourth'; do
    # shellcheck disable=SC2086
    soon "$DMFUSE" $command >stdout || fail "no answer during the suspend: $command"
done
still_run "$suspend" "$reader" "$writer"
prints '' dmfuse resume lower
ends_with 0 "$suspend"
ends_with 0 "$reader"
ends_with 0 "$writer"
prints 'L-sw' dmfuse info -c --noheadings -o attr upper
same 'what the reader got, but for what the writer may have changed' \
    <(tail -c +4097 read) <(sectors a 8 1016)
dmfuse resume upper

# A suspend that waits is given up by its client's death, and so is a resume that waits for a swap:
# the device goes on as it was, with its inactive table, and new I/O reaches the lower one.
for command in suspend 'suspend --noflush' resume; do
    for signal in INT TERM KILL; do
        dmfuse load upper --table '0 1024 zero'
        dmfuse suspend lower
        start dd if="$(device upper)" of=read bs=4k count=1 iflag=direct status=none
        reader=$!
        eventually 'the read is held' is_held "$reader" 0
        # Background processes of a script ignore SIGINT unless told otherwise.
        # shellcheck disable=SC2086
        start env --default-signal=INT "$DMFUSE" $command upper
        waiting=$!
        eventually 'it waits' is_served "$waiting"
        kill "-$signal" "$waiting"
        ends_with $((128 + $(kill -l "$signal"))) "$waiting"
        eventually 'the daemon knows' eval '[ "$(clients)" -eq 0 ]'
        prints LI-w dmfuse info -c --noheadings -o attr upper
        still_run "$reader"
        start dd if="$(device upper)" of=again bs=4k skip=1 count=1 iflag=direct status=none
        second=$!
        eventually 'the second read is held' is_held "$second" 0
        prints '' dmfuse resume lower
        ends_with 0 "$reader"
        ends_with 0 "$second"
        same "what was read, $command and $signal" <(sectors a 0 16) <(cat read again)
        dmfuse clear upper
    done
done
dmfuse remove upper lower third
unmount_here
