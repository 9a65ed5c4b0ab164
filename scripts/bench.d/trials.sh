# One trial each: does some work on a file, and prints what came of it. Sourced by scripts/bench.

# Bytes of the file, and what one trial of fio takes.
file_bytes=$((512 << 20)) fio_milliseconds=2000
readonly chunk_sectors=128 # of striped devices: 64 KiB

use_short_trials() { file_bytes=$((64 << 20)) fio_milliseconds=300; }

# WORK FILE...: MB/s of sequential work, operations per second of random work. The backing files of
# a peer on a disk follow its own.
trial() {
    local work=$1
    shift
    drop_caches "$@"
    case $work in
        random-*) random "${work%-*}" "${work##*-}" --filename="$1" ;;
        read-direct) read_through "$1" 1M iflag=direct ;;
        read-buffered) touch_memory && read_through "$1" 1M ;;
        write-fsync) touch_memory && write_through "$1" "$file_bytes" 1M conv=notrunc,fsync ;;
        write-direct) write_through "$1" "$file_bytes" 1M oflag=direct conv=notrunc,fsync ;;
    esac
}
# random-read|random-write JOBS FIO-OPTION...: 4 KiB requests, O_DIRECT, each job one at once.
random() {
    local kind=${1#random-} jobs=$2 said field=8
    [ "$kind" = read ] || field=49
    shift 2
    said=$(timeout 120 fio --name=trial --rw="rand$kind" --bs=4k --direct=1 \
        --ioengine=psync --numjobs="$jobs" --group_reporting --time_based --norandommap \
        --runtime="${fio_milliseconds}ms" --allow_file_create=0 --output-format=terse \
        --terse-version=3 "$@" 2>&1) || { printf '%s\n' "$said" >&2 && return 1; }
    printf '%s\n' "$said" |
        awk -F ';' -v field="$field" '$1 == 3 { print $field; n = 1 } END { exit !n }'
}
# FILE REQUEST-SIZE [DD-OPERAND...]
read_through() { dd_rate if="$1" of=/dev/null bs="$2" "${@:3}"; }
# FILE BYTES REQUEST-SIZE [DD-OPERAND...]
write_through() {
    dd_rate if=/dev/zero of="$1" bs="$3" count=$(($2 / $(numfmt --from=iec "$3"))) "${@:4}"
}
# MB/s by what dd says: "67108864 bytes (67 MB, 64 MiB) copied, 0.128458 s, 522 MB/s".
dd_rate() {
    local said
    said=$(timeout 120 dd "$@" 2>&1) || { printf '%s\n' "$said" >&2 && return 1; }
    printf '%s\n' "$said" | awk '
        /copied,/ { for (i = 1; i < NF; i++) if ($i == "copied,") seconds = $(i + 1); bytes = $1 }
        END { if (seconds > 0) print bytes / seconds / 1e6; exit !(seconds > 0) }'
}
# Uses as much memory as a trial will, and frees it. A virtual machine may give free memory back to its
# host, which then takes longer over each page's first use than the work on it takes.
touch_memory() {
    if head -c $((file_bytes * 2)) /dev/zero >"$warm"; then rm "$warm" && return; fi
    rm -f "$warm"
    echo "no room for $((file_bytes * 2)) bytes in ${warm%/*}" >&2
    return 1
}
# FILE...: what is dirty goes down, and nothing of it stays in a cache. A tmpfs keeps what it has.
drop_caches() {
    local file
    for file in "$@"; do
        dd if=/dev/null of="$file" oflag=nocache conv=notrunc,fdatasync count=0 status=none
    done
}
