#!/usr/bin/env bash
# The kernel tells of the last close when close has long returned. Still remove, right after it,
# never finds the device busy: 10,000 rounds of create, open, write, close and remove by a small
# client of root's, 1,000 by shell tools, with every byte looked at; and a device that is really open is busy
# at once, whoever else closed it.
# Takes: long
. "$(dirname "$0")/lib.sh"
need_helper openclose
mount_here
make_random a 8
seconds_since() { awk -v s="$1" -v e="$EPOCHREALTIME" 'BEGIN { printf "%.0f s", e - s }'; }
start=$EPOCHREALTIME
rounds=$(tries 10000)
prints "$rounds rounds" "$helpers/openclose" "$mnt" "$PWD/a" "$rounds"
note "$rounds rounds of create, open, write, close, remove by a client: $(seconds_since "$start")"

start=$EPOCHREALTIME
rounds=$(tries 1000)
for ((round = 1; round <= rounds; round++)); do
    printf '%04096d' "$round" >stamp
    dmfuse create d --table "0 8 linear $PWD/a 0"
    case $((round % 4)) in
        0) dd if=stamp of="$(device d)" bs=4k conv=notrunc status=none ;;
        1) dd if=stamp of="$(device d)" bs=4k conv=notrunc oflag=direct status=none ;;
        2) cat stamp >"$(device d)" && cmp stamp "$(device d)" ;;
        3) exec 3<>"$(device d)" && cat stamp >&3 && exec 3>&- ;;
    esac
    dmfuse remove d || fail "round $round"
    cmp stamp a || fail "round $round: wrong bytes"
done
note "$rounds rounds by shell tools: $(seconds_since "$start")"

# Open counts, right after each step.
dmfuse create d --table "0 8 linear $PWD/a 0"
for _ in {1..100}; do
    exec 3<"$(device d)"
    prints 1 dmfuse info -c --noheadings -o open d
    exec 3<&-
    prints 0 dmfuse info -c --noheadings -o open d
done
hold_open "$(device d)"
holder=$!
# At once: by itself, a command that would try again takes more than five seconds every time.
is_busy_at_once() {
    local before=$SECONDS
    refuses 'dmfuse: remove d: Device or resource busy' dmfuse remove d
    [ $((SECONDS - before)) -lt 5 ]
}
eventually 'it is busy at once' is_busy_at_once
# Also where somebody closed a descriptor of it, as a shell does that gives it to a child: each time
# that would take another second.
has_twenty_busy_at_once() {
    local before=$SECONDS child
    for _ in {1..20}; do
        sleep 1000 <"$(device d)" &
        child=$!
        eventually 'a child has it open' is_held "$child" 0
        refuses 'dmfuse: remove d: Device or resource busy' dmfuse remove d
        kill "$child"
        wait "$child" || true
    done
    [ $((SECONDS - before)) -lt 20 ]
}
eventually 'it is busy at once' has_twenty_busy_at_once
# --retry is patient: it succeeds when the device is closed meanwhile.
start "$DMFUSE" remove --retry d
remover=$!
let_go "$holder"
ends_with 0 "$remover"
# --deferred removes at the last close.
dmfuse create d --table "0 8 linear $PWD/a 0"
exec 3<"$(device d)"
prints '' dmfuse remove --deferred d
prints 'ACTIVE (DEFERRED REMOVE)' eval "dmfuse info d | sed -n 's/^State: *//p'"
same 'still readable' a <(dd bs=4k count=1 status=none <&3)
exec 3<&-
prints 'No devices found' dmfuse ls
unmount_here
