# Where a run happens, and how all of it is taken away again. Sourced by scripts/bench.

room=''    # mount points and logs
backing='' # backing files of the place being measured
warm=''    # a file that comes and goes, on a tmpfs
loops=()   # loop devices that were attached

open_room() {
    trap close_room EXIT
    trap 'exit 130' INT TERM HUP
    room=$(mktemp -d "${TMPDIR:-/tmp}/dmfuse-bench-XXXXXX")
    warm=/dev/shm/${room##*/}-warm
    mkfifo "$room/never"
}
close_room() {
    local status=$?
    trap - EXIT
    set +e
    stop_peers
    [ -z "$room" ] || rm -rf "$room" "$warm"
    exit "$status"
}
# PLACE: makes a directory for backing files there, $backing, of the same name as $room.
open_backing() {
    local directory=/dev/shm
    [ "$1" = tmpfs ] || directory=$disk
    if [ "$1" = disk ] && [ "$(stat -f -c %T "$directory")" = tmpfs ]; then
        die "$directory is a tmpfs: --disk takes a directory on a disk"
    fi
    local free
    free=$(df -B1 --output=avail "$directory" | tail -n 1)
    # The file, as much again in parts, and what a disk likes to keep free; on tmpfs what
    # touch_memory takes, too.
    local needed=$((file_bytes * 5 / 2))
    [ "$1" = disk ] || needed=$((needed + file_bytes * 2))
    [ "$free" -gt "$needed" ] || die "$directory has no room for $needed bytes"
    backing=$directory/${room##*/}
    mkdir "$backing" || { backing='' && die "can't make a directory in $directory"; }
}

# COMMAND...: starts a daemon, one of the shell's jobs.
start() { "$@" >>"$room/daemons.log" 2>&1 </dev/null & }
# Waits a little: nothing is ever written to that.
pause() { read -r -t "${1:-0.02}" _ <>"$room/never" || true; }
# WHAT COMMAND...: until the command succeeds, at most 20 seconds.
eventually() {
    local what=$1 end=$((SECONDS + 20))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || {
            tail -n 20 "$room/daemons.log" >&2
            die "it didn't come to that: $what"
        }
        pause
    done
}
has_ended() { ! kill -0 "$1" 2>/dev/null; }
is_mounted() { [ -n "$(mounts_below "$1")" ]; }

# Takes away every peer: mounts, daemons by their numbers, loop devices, backing files. One that
# doesn't end by itself is killed.
stop_peers() {
    local loop process processes end=$((SECONDS + 10))
    processes=$(jobs -p)
    for loop in "${loops[@]}"; do losetup -d "$loop"; done
    # Upper ones first: dmfuse may have files of the others open.
    [ -z "$room" ] || force_unmount_below "$room"
    for process in $processes; do kill "$process" 2>/dev/null || true; done
    for process in $processes; do
        until has_ended "$process" || [ "$SECONDS" -ge "$end" ]; do pause; done
        kill -KILL "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    [ -z "$backing" ] || rm -rf "$backing"
    loops=() backing=''
}
