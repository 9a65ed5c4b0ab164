# Reads goals.tsv, then results.tsv: the works in their order, what is asked of them, and
# value[table, place, work, peer, point, round]. What report.awk and picture.awk share.

BEGIN { FS = "\t"; too_busy = 10 }
/^#/ { next }
FILENAME ~ /goals.tsv$/ {
    works[++work_count] = $1
    floor[$1] = $2; goal[$1] = $3; other_goal[$1] = $5; other_peer[$1] = $6
    next
}
{ remember() }

function remember(    key) {
    key = $1 SUBSEP $2 SUBSEP $3 SUBSEP $4 SUBSEP $5
    value[key, $6] = $7
    if (!(key in known)) { known[key] = 1; places[$1, $2] = 1 }
    if ($6 > rounds) rounds = $6
    if ($6 > rounds_of[$1]) rounds_of[$1] = $6
}
function key_of(table, place, work, peer, point) {
    return table SUBSEP place SUBSEP work SUBSEP peer SUBSEP point
}
# A work as a reader calls it.
function words(work,    jobs) {
    if (work ~ /^random/) {
        jobs = substr(work, length(work))
        return "4k random " (work ~ /read/ ? "read" : "write") ", " jobs (jobs == 1 ? " job" : " jobs")
    }
    if (work == "write-fsync") return "sequential write + fsync"
    sub(/-direct/, ", O_DIRECT", work)
    sub(/-buffered/, ", buffered", work)
    return "sequential " work
}
# The median of list[1...count], which gets sorted.
function median(list, count,    i, j, held) {
    for (i = 2; i <= count; i++) {
        held = list[i]
        for (j = i - 1; j > 0 && list[j] > held; j--) list[j + 1] = list[j]
        list[j + 1] = held
    }
    if (count % 2) return list[(count + 1) / 2]
    return (list[count / 2] + list[count / 2 + 1]) / 2
}
# The median over the rounds, or -1.
function typical(key,    round, count, list) {
    for (round = 1; round <= rounds; round++)
        if ((key, round) in value) list[++count] = value[key, round]
    return count ? median(list, count) : -1
}
# The median of the rounds' ratios, or -1: what a busy machine does to one round it does to both.
# The spread of the ratios is left in `spread`.
function ratio(upper, lower,    round, count, list, middle) {
    for (round = 1; round <= rounds; round++)
        if (((upper, round) in value) && ((lower, round) in value) && value[lower, round] > 0)
            list[++count] = value[upper, round] / value[lower, round]
    spread = 0
    if (!count) return -1
    middle = median(list, count)
    if (middle > 0) spread = (list[count] - list[1]) / middle
    return middle
}
# The share of the CPUs that others used between the rounds, in percent: the median, or -1. The most
# is left in `busiest`.
function busy(    key, parts, round, count, list, middle) {
    for (key in known) {
        split(key, parts, SUBSEP)
        if (parts[1] != "load") continue
        for (round = 1; round <= rounds; round++)
            if ((key, round) in value) list[++count] = value[key, round]
    }
    if (!count) return -1
    middle = median(list, count)
    busiest = list[count]
    return middle
}
