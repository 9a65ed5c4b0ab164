# The tables "jobs", "devices" and "targets": whether dmfuse's throughput holds when there are many
# of them. Four jobs of 4 KiB requests but in "jobs"; on tmpfs. Sourced by scripts/bench.

# Thrice the rounds, in half the time each: these differ by less than one trial does from the next.
run_many() {
    local rounds=$((rounds * 3)) fio_milliseconds=$((fio_milliseconds / 2))
    run_rounds "$@"
}

readonly devices=1000
device_sectors=0 # of each of them
readonly targets=100000
readonly sectors_a_target=8 # with that many targets: one request never meets two

measure_jobs() {
    start_dmfuse_alone $((file_bytes / 512))
    create_device many "0 $((file_bytes / 512)) linear $backing/file 0"
    run_many jobs tmpfs jobs_trial < <(many_trials 1 2 4 8 16)
    stop_peers
}
jobs_trial() { random "$1" "$3" --filename="${file_of[many]}"; }

# Each over its own stretch of one file.
measure_devices() {
    local device
    device_sectors=$((file_bytes / 512 / devices / 8 * 8))
    start_dmfuse_alone $((device_sectors * devices))
    for ((device = 0; device < devices; device++)); do
        printf 'many-%d,,,,0 %d linear %s %d;' "$device" "$device_sectors" \
            "$backing/file" $((device * device_sectors))
    done | "$binary" create --concise
    run_many devices tmpfs devices_trial < <(many_trials 1 10 100 1000)
    stop_peers
}
# fio takes file names from a pattern, those of the first devices, and goes round them. It opens each
# at its first request, while nothing is counted yet.
devices_trial() {
    random "$1" 4 --filename_format="$DM_DEV_DIR/mapper/many-\$filenum" --nrfiles="$3" \
        --openfiles="$3" --size=$((device_sectors * 512 * $3)) --ramp_time=500ms
}

# A table in one or more lines, the last of them first in the file.
measure_targets() {
    local sectors=$((targets * sectors_a_target)) lines
    start_dmfuse_alone "$sectors"
    for lines in 1 10 100 1000 10000 100000; do
        awk -v lines="$lines" -v sectors="$sectors" -v file="$backing/file" 'BEGIN {
            each = sectors / lines
            for (i = 0; i < lines; i++)
                printf "%d %d linear %s %d\n", i * each, each, file, sectors - (i + 1) * each
        }' | "$binary" create "many-$lines"
        file_of[many-$lines]=$DM_DEV_DIR/mapper/many-$lines
    done
    run_many targets tmpfs targets_trial < <(many_trials 1 10 100 1000 10000 100000)
    stop_peers
}
targets_trial() { random "$1" 4 --filename="${file_of[many-$3]}"; }

# SECTORS: a mount of its own, over a file of at least that many sectors.
start_dmfuse_alone() {
    open_backing tmpfs
    fill "$backing/file" $(((($1 * 512 >> 20) + 1) << 20))
    mount_dmfuse
}
# POINT...
many_trials() {
    local point
    for point in "$@"; do
        echo "random-read dmfuse $point"
        echo "random-write dmfuse $point"
    done
}
