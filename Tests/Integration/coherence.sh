#!/usr/bin/env bash
# What one opener of a device writes the others read, cached, direct or mapped; a suspend brings what
# was changed through mappings to the old table; after a resume nobody sees a byte of the table that
# was replaced, and everybody the new size; and that waits for no read that is held.
. "$(dirname "$0")/lib.sh"
need_helper openers
need_command blockdev
mount_here
# FILE BYTE SECTORS: a backing file full of one byte.
make_full() { head -c $(($3 * 512)) /dev/zero | tr '\0' "\\$(printf %o "$2")" >"$1"; }
make_full a 1 256
make_full b 2 256
make_full long 3 512
make_full short 4 128
dmfuse create d --table "0 256 linear $PWD/a 0"

coproc openers { exec "$helpers/openers" "$(device d)"; }
# ANSWER COMMAND: what the openers say to that.
asked() {
    local said
    echo "$2" >&"${openers[1]}"
    read -r -t "$patience" said <&"${openers[0]}" || fail "no answer: $2"
    equal "$2" "$1" "$said"
}
# What is cached is read while a device is suspended, too: a read is held of what isn't.
uncache() { blockdev --flushbufs "$(device d)"; }
byte() { od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' '; }

asked '1 1 1' 'see 1000'
for way in cached direct mapped; do
    for value in 11 12; do
        asked 512 "$way 512 $value"
        asked "$value $value $value" 'see 1000'
    done
done
"$helpers/openers" "$(device d)" race 1 >said || fail 'a stale byte was read' "$(<said)"

# Suspend: what was changed in memory is in the file when it returns, but for --nolockfs.
asked 512 'mapped 512 21'
dmfuse suspend d
equal 'the byte in the file' 21 "$(byte a 1000)"
dmfuse resume d
asked '21 21 21' 'see 1000'
asked 512 'mapped 512 22'
dmfuse suspend --nolockfs d
equal 'the byte in the file' 21 "$(byte a 1000)"
dmfuse resume d
asked 0 sync
equal 'the byte in the file' 22 "$(byte a 1000)"

# A swap, again and again: nothing of the other file is seen, from the first moment on. What was changed
# in memory goes to the file that it was a change of.
asked '1 1 1' 'see 40000'
for round in 1 2 3 4 5; do
    for file in b a; do
        asked 512 "mapped 8192 $((100 + round))"
        dmfuse load d --table "0 256 linear $PWD/$file 0"
        dmfuse resume d
        value=1
        [ $file = a ] || value=2
        asked "$value $value $value" 'see 40000'
    done
    equal 'what was changed in a' $((100 + round)) "$(byte a 8200)"
    equal 'what was changed in b' $((100 + round)) "$(byte b 8200)"
done

# Another size.
asked '131072 131072 131072' size
dmfuse load d --table "0 512 linear $PWD/long 0"
dmfuse resume d
asked '262144 262144 262144' size
asked '512 512' 'read 261632'
asked '3 3 3' 'see 1000'
dmfuse load d --table "0 128 linear $PWD/short 0"
dmfuse resume d
asked '0 0' 'read 100352'
asked '65536 65536 65536' size
asked '0 0' 'read 65536'
asked '512 512' 'read 65024'
asked 'ENOSPC' 'cached 65536 1'
asked 'ENOSPC' 'direct 65536 1'
asked '4 4 4' 'see 1000'

# With reads held: those are done with the new table, and then nothing else is cached. The resume waits
# for the end of those that go on; one that is held further down it leaves behind.
uncache
dmfuse suspend d
start dd if="$(device d)" of=held-cached bs=4k skip=2 count=1 status=none
cached=$!
start dd if="$(device d)" of=held-direct bs=4k skip=3 count=1 iflag=direct status=none
direct=$!
eventually 'the reads are held' eval "is_held $cached 0 && is_held $direct 0"
dmfuse load d --table "0 256 linear $PWD/b 0"
soon "$DMFUSE" resume d || fail 'a resume with held reads'
ends_with 0 "$cached"
ends_with 0 "$direct"
equal 'a held cached read' 105 "$(byte held-cached 100)"
equal 'a held direct read' 2 "$(byte held-direct 0)"
asked '2 2 2' 'see 40000'

dmfuse create lower --table "0 256 linear $PWD/a 0"
dmfuse load d --table "0 256 linear $(device lower) 0"
dmfuse resume d
asked '1 1 1' 'see 40000'
uncache
dmfuse suspend lower
start dd if="$(device d)" of=held-cached bs=4k skip=4 count=1 status=none
cached=$!
eventually 'the read is held below' is_held "$cached" 0
dmfuse load lower --table "0 256 linear $PWD/b 0"
# The upper device gets a new table, but its old one can't be let go before the read ends.
start "$DMFUSE" suspend --nolockfs d
suspend=$!
eventually 'the suspend waits' is_served "$suspend"
dmfuse resume lower
ends_with 0 "$suspend"
ends_with 0 "$cached"
dmfuse resume d

# A read that is held below a table that has just come: it keeps no resume waiting.
uncache
dmfuse suspend lower
dmfuse suspend d
start dd if="$(device d)" of=held-cached bs=4k skip=5 count=1 status=none
cached=$!
eventually 'the read is held' is_held "$cached" 0
dmfuse load d --table "0 256 linear $(device lower) 0"
soon "$DMFUSE" resume d || fail 'a resume that leaves a read held below'
still_run "$cached"
prints 'L--w' dmfuse info -c --noheadings -o attr d
dmfuse resume lower
ends_with 0 "$cached"
# The dropping of pages followed: a swap and its effect.
eventually 'no page of before is left' eval \
    'echo see 40000 >&"${openers[1]}" && read -r said <&"${openers[0]}" && [ "$said" = "2 2 2" ]'

# A longer table, while the page at the earlier end was changed through a mapping: what the new one has
# behind that end stays.
make_full nine 6 9
make_full sixteen 7 16
dmfuse create end --table "0 9 linear $PWD/nine 0"
mkfifo questions answers
"$helpers/openers" "$(device end)" <questions >answers &
at_the_end=$!
exec 8>questions 9<answers
# COMMAND: what these openers say to it is $said.
ask_at_the_end() { echo "$1" >&8 && read -r -t "$patience" said <&9; }
ask_at_the_end 'see 4100'
equal 'the page is there' '6 6 6' "$said"
dmfuse suspend --nolockfs end
ask_at_the_end 'mapped 4096 8'
dmfuse load end --table "0 16 linear $PWD/sixteen 0"
dmfuse resume end
ask_at_the_end sync
equal 'what was changed' 8 "$(byte sixteen 4100)"
equal 'behind the earlier end' 7 "$(byte sixteen 4608)"
exec 8>&- 9<&-
ends_with 0 "$at_the_end"
dmfuse remove --retry end

# The end comes also while pages wait to be dropped.
uncache
dmfuse suspend lower
dmfuse suspend d
start dd if="$(device d)" of=held-cached bs=4k skip=6 count=1 status=none 2>/dev/null
cached=$!
eventually 'the read is held' is_held "$cached" 0
dmfuse load d --table "0 256 linear $(device lower) 0"
soon "$DMFUSE" resume d || fail 'a resume that leaves a read held below'
soon "$DMFUSE" unmount --force || fail 'an unmount while pages are dropped'
ends_with 1 "$cached"
ends_with 0 "$daemon"
