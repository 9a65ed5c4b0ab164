#!/usr/bin/env bash
# As: user
# What scripts/bench makes of numbers: medians of the rounds' ratios, and verdicts.
bench=$(cd "$(dirname "$0")/../../scripts" && pwd)/bench
. "$(dirname "$0")/lib.sh"
mkdir out
echo '- a machine' >out/machine.md
# TABLE WORK PEER POINT VALUE...: a value a round.
results() {
    local round=0 value
    for value in "${@:5}"; do
        round=$((round + 1))
        printf '%s\ttmpfs\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" "$round" "$value"
    done >>out/results.tsv
}
# A machine that was slow in one round was so for both: 2.3 in the middle, not 230 over 100.
results works random-read-1 linear - 230 40 900
results works random-read-1 qemu - 100 20 300
results works random-read-1 striped - 207 38 900
# Both goals of a work, or just not the other one.
results works read-buffered linear - 270
results works read-buffered qemu - 100
results works read-buffered nbdfuse - 112.5
results works read-direct linear - 35
results works read-direct qemu - 10
results works read-direct native - 65
results works write-fsync linear - 98
results works write-fsync qemu - 100
results works write-fsync striped - 80
# The best before counts, not the first; reads and writes both.
for jobs in 1 2 4 8 16; do results jobs random-write dmfuse "$jobs" 1000; done
results jobs random-read dmfuse 1 1000
results jobs random-read dmfuse 2 2000
results jobs random-read dmfuse 4 1720
results jobs random-read dmfuse 8 1680
results stripes read-1M lower - 50
results stripes read-1M linear - 60
results stripes read-1M striped - 210
results stripes write-1M lower - 50
results stripes write-1M linear - 40
results stripes write-1M striped - 174
results load works other - 10 20 60

"$bench" --tables-only --output out >report
has() { grep -qxF -- "$1" report || fail "a line is missing: $1" "$(cat report)"; }
has '- Rounds: 3. Between them other programs used 20 % of the CPUs (median), 60 % at most'
has '- **The machine was busy with other things: this run decides nothing.**'
has '| 4k random read, 1 job | 230 IOPS | 2.30 (2.3, 2.6) | – (1.0) | – | – | 43 % | floor | 0.95 | met | – |'
has '| sequential read, buffered | 270 MB/s | 2.70 (2.4, 2.7) | – | 2.40 (2.4) | – | 0 % | met | – | – | – |'
has '| sequential read, O_DIRECT | 35 MB/s | 3.50 (2.4, 3.5) | – | – | 0.54 (0.55) | 0 % | floor | – | – | – |'
has '| sequential write + fsync | 98 MB/s | 0.98 (1.0, 1.4) | – | – (1.7) | – | 0 % | **missed** | 0.82 | **missed** | – |'
has '| 2 | 2.0k IOPS | 2.00 | 1.0k IOPS | 1.00 | holds |'
has '| 4 | 1.7k IOPS | 1.72 | 1.0k IOPS | 1.00 | holds |'
has '| 8 | 1.7k IOPS | 1.68 | 1.0k IOPS | 1.00 | **falls off** |'
has '| 16 | – | – | 1.0k IOPS | 1.00 | – |'
has '| read, 1 MiB | 50 MB/s | 1.20 | 3.50 (3.5) | met |'
has '| write, 1 MiB | 50 MB/s | 0.80 | 3.48 (3.5) | **missed** |'
! grep -q 'On disk' report || fail 'a table of nothing'
grep -q '4k random read, 1 job: 2.3×' out/picture.svg || fail 'the picture' "$(cat out/picture.svg)"
grep -q 'Busy machine: decides nothing' out/picture.svg || fail 'the picture hides that it was busy'

fails_like "bench: the documentation takes a whole run*" "$bench" --write-docs --quick --output out
fails_like "bench: there are no results in *" "$bench" --tables-only --output nowhere
