#!/usr/bin/env bash
# A suspend writes back what mappings changed, and what is cached stays: it is read, and changed through
# mappings, while the device is suspended. A new table drops it, also where a read of another page is
# held by a device below when the resume returns.
. "$(dirname "$0")/lib.sh"
need_helper openers
mount_here
readonly size=16384
# FILE BYTE: a backing file full of one byte.
make_full() { head -c $((size * 512)) /dev/zero | tr '\0' "\\$(printf %o "$2")" >"$1"; }
make_full a 1
make_full b 2
dmfuse create low --table "0 $size linear $PWD/a 0"
dmfuse create d --table "0 $size linear $PWD/a 0"

coproc openers { exec "$helpers/openers" "$(device d)"; }
# bash forgets it when it has ended.
openers_process=$openers_PID
# ANSWER COMMAND: what the openers say to that.
asked() {
    local said
    echo "$2" >&"${openers[1]}"
    read -r -t "$patience" said <&"${openers[0]}" || fail "no answer: $2"
    equal "$2" "$1" "$said"
}
byte() { od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' '; }

for flags in '' --noflush --nolockfs; do
    asked '1 1' 'kept 8000000'
    asked 512 'mapped 4096000 11'
    # shellcheck disable=SC2086
    dmfuse suspend $flags d
    [ -n "$flags" ] || equal 'what was changed is written back' 11 "$(byte a 4096000)"
    asked '1 1' 'kept 8000000'
    asked '11 11' 'kept 4096000'
    # An opener of its own, too. Where there is something to write back its close would wait for that.
    [ -n "$flags" ] ||
        prints 512 eval 'soon dd if="$(device d)" bs=512 skip=15625 count=1 status=none | wc -c'
    asked 512 'mapped 4096000 12'
    asked '12 12' 'kept 4096000'
    [ -n "$flags" ] || equal 'what is changed then is not' 11 "$(byte a 4096000)"
    dmfuse resume d
    asked 0 sync
    equal 'it is later' 12 "$(byte a 4096000)"
    asked '1 1' 'kept 8000000'
    # Suspended, and a new table.
    dmfuse suspend d
    dmfuse load d --table "0 $size linear $PWD/b 0"
    dmfuse resume d
    asked '2 2' 'kept 8000000'
    dmfuse load d --table "0 $size linear $PWD/a 0"
    dmfuse resume d
    asked '1 1' 'kept 8000000'
    asked '12 12' 'kept 4096000'
done

# The first page is being read, and stays so: the others are of the new table when the resume returns.
dmfuse load d --table "0 $size linear $mnt/mapper/low 0"
dmfuse resume d
asked '1 1' 'kept 8000000'
dmfuse suspend d
start dd if="$(device d)" of=read bs=4k count=1 status=none
reader=$!
eventually 'the read is held' is_held "$reader" 0
dmfuse suspend low
dmfuse load d <<TABLE
0 8 linear $mnt/mapper/low 0
8 $((size - 8)) linear $PWD/b 8
TABLE
prints '' soon "$DMFUSE" resume d
still_run "$reader"
asked '2 2' 'kept 8000000'
dmfuse resume low
ends_with 0 "$reader"
equal 'what was held' 1 "$(byte read 0)"

eval "exec ${openers[1]}>&-"
wait "$openers_process"
unmount_here
