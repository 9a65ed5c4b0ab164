# The table "works": every peer does the same work on the same file. Sourced by scripts/bench.

readonly works=(random-read-1 random-read-4 random-write-1 random-write-4
    read-direct read-buffered write-fsync write-direct)

any_work_wanted() {
    local work
    for work in "${works[@]}"; do ! is_wanted works "$work" || return 0; done
    return 1
}
# PLACE
measure_works() {
    place_of_works=$1
    start_peers "$1"
    run_rounds works "$1" work_trial < <(works_trials)
    stop_peers
}
works_trials() {
    local work peer
    for work in "${works[@]}"; do
        is_wanted works "$work" || continue
        for peer in "${!file_of[@]}"; do echo "$work $peer -"; done
    done
}
# On a disk what is below a peer begins cold, too.
work_trial() {
    local below=()
    [ "$place_of_works" = tmpfs ] || below=("$backing/file" "$backing"/part-{0,1,2,3})
    trial "$1" "${file_of[$2]}" "${below[@]}"
}
