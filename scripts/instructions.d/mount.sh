# The same through a mount: all that the daemon does outside the kernel for a request of 4 KiB, O_DIRECT,
# to a linear target over a file. As an ordinary user: one thread at a time runs under valgrind, which
# would wait for itself if the daemon asked its own mount something. There are more threads than one client
# keeps busy: a request that begins while the end of the one before is under way, on another thread, then
# finds room to do its I/O itself, which is what is counted. Sourced by scripts/instructions.

can_count_mount() {
    anybody_opens_fuse && command -v fusermount3 >/dev/null
}
prepare_mount() {
    strip --strip-debug -o "$room/dmfuse" "$(scripts/build)"
    "$(c_compiler)" -O2 -Wall -Wextra -Werror -shared -fPIC -o "$room/openat2.so" \
        scripts/instructions.d/openat2.c
    find_ordinary_user
    mkdir -p "$room/user/mount"
    head -c $((mounted_many * 4096)) /dev/zero >"$room/user/file"
    chmod 711 "$room"
    [ "$(id -u)" -ne 0 ] || chown -R 65534:65534 "$room/user"
    export XDG_RUNTIME_DIR=$room/user DM_DEV_DIR=$room/user/mount
}
# read|write COUNT: "INSTRUCTIONS RETAINS RELEASES ALLOCATIONS" of a whole run, libfuse's one
# allocation for each request left out.
mounted_calls() {
    local daemon device=$DM_DEV_DIR/dm-0 left=3000
    # What the one before said isn't this one's.
    : >"$room/log"
    LD_PRELOAD=$room/openat2.so "${as_user[@]}" valgrind --tool=callgrind \
        --callgrind-out-file="$room/user/out" "$room/dmfuse" mount --foreground --threads 8 \
        "$DM_DEV_DIR" >"$room/log" 2>&1 &
    daemon=$!
    until grep -q ' serving ' "$room/log"; do
        left=$((left - 1))
        if [ $left -eq 0 ] || ! kill -0 $daemon 2>/dev/null; then
            kill -KILL $daemon 2>/dev/null || true
            cat "$room/log" >&2
            die "the daemon doesn't serve under valgrind"
        fi
        sleep 0.1
    done
    "${as_user[@]}" "$room/dmfuse" create one \
        --table "0 $((mounted_many * 8)) linear $room/user/file 0"
    case $1 in
        read) set -- "$2" if="$device" of=/dev/null iflag=direct ;;
        write) set -- "$2" if=/dev/zero of="$device" oflag=direct conv=notrunc ;;
    esac
    "${as_user[@]}" dd bs=4096 count="$1" status=none "${@:2}"
    "${as_user[@]}" "$room/dmfuse" unmount --force "$DM_DEV_DIR"
    wait $daemon
    sums "$room/user/out"
}
