# Rounds of trials, and what they recorded. Sourced by scripts/bench.

# TABLE PLACE FUNCTION, and trials on standard input, "WORK PEER POINT" a line: in every round each
# work is done by every peer, in an order that changes. `FUNCTION WORK PEER POINT` prints a number.
# One that can't be measured is said, and is missing in the tables. No pipe leads here: a signal is
# to be heard after the trial that runs.
run_rounds() {
    local table=$1 place=$2 function=$3 trials round work peer point value
    trials=$(cat)
    for ((round = 1; round <= rounds; round++)); do
        printf '%s on %s, round %d of %d\n' "$table" "$place" "$round" "$rounds" >&2
        record load "$place" "$table" other - "$round" "$(busy_share)"
        while read -r work; do
            while read -r _ peer point; do
                value=$($function "$work" "$peer" "$point" </dev/null 2>"$room/said") || {
                    printf '%s: %s by %s failed: %s\n' "$table" "$work" "$peer" \
                        "$(tail -n 1 "$room/said")" >&2
                    continue
                }
                record "$table" "$place" "$work" "$peer" "$point" "$round" "$value"
            done < <(grep "^$work " <<<"$trials" | shuf)
        done < <(cut -d ' ' -f 1 <<<"$trials" | sort -u | shuf)
    done
}
# TABLE PLACE WORK PEER POINT ROUND VALUE
record() {
    local IFS=$'\t'
    printf '%s\n' "$*" >>"$output/results.tsv"
}
