# The table "stripes": four lower devices, each held to the same bandwidth, and what a striped device
# makes of them. Sourced by scripts/bench.

readonly lower_bytes_a_second=$((50 * 1000 * 1000))

measure_stripes() {
    local part work peer stripes='' bytes=$((64 << 20))
    [ -z "$is_quick" ] || bytes=$((16 << 20))
    open_backing tmpfs
    for part in 0 1 2 3; do
        fill "$backing/part-$part" "$bytes"
        # The rate is in bits. What a lower device may save up while idle is far less than a trial.
        start_nbd "lower-$part" "$bytes" --filter=rate file "$backing/part-$part" \
            rate=$((lower_bytes_a_second * 8)) burstiness=0.05
        stripes+=" ${file_of[lower-$part]} 0"
    done
    mount_dmfuse
    create_device linear "0 $((bytes / 512)) linear ${file_of[lower-0]} 0"
    create_device striped "0 $((bytes * 4 / 512)) striped 4 $chunk_sectors$stripes"
    file_of[lower]=${file_of[lower-0]}
    run_rounds stripes tmpfs stripes_trial < <(
        for work in read-256K read-1M write-256K write-1M; do
            for peer in lower linear striped; do echo "$work $peer -"; done
        done
    )
    stop_peers
}
# As many bytes as the device has: each lower device moves the same in every trial.
stripes_trial() {
    local size=${1#*-} file=${file_of[$2]} part
    drop_caches "$file"
    for part in 0 1 2 3; do drop_caches "${file_of[lower-$part]}"; done
    case $1 in
        read-*) read_through "$file" "$size" iflag=direct ;;
        write-*) write_through "$file" "$(stat -Lc %s "$file")" "$size" oflag=direct conv=notrunc ;;
    esac
}
