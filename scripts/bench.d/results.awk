# Reads results.tsv: value[table, place, work, peer, point, round]. What report.awk and picture.awk
# share.

function remember(    key) {
    key = $1 SUBSEP $2 SUBSEP $3 SUBSEP $4 SUBSEP $5
    value[key, $6] = $7
    if (!(key in known)) { known[key] = 1; places[$1, $2] = 1 }
    if ($6 > rounds) rounds = $6
}
function key_of(table, place, work, peer, point) {
    return table SUBSEP place SUBSEP work SUBSEP peer SUBSEP point
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
        if (((upper, round) in value) && value[lower, round] > 0)
            list[++count] = value[upper, round] / value[lower, round]
    spread = 0
    if (!count) return -1
    middle = median(list, count)
    if (middle > 0) spread = (list[count] - list[1]) / middle
    return middle
}
