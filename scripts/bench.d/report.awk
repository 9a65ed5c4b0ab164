# Prints the tables of a run in Markdown. Needs results.awk.

BEGIN { limit = 0.85 } # below this share of what came before, throughput falls off

# MARK: Numbers

# Two digits at least; rounded before it is judged, so that a verdict fits what is shown.
function shown(number) {
    if (number < 0) return "–"
    return sprintf(number < 9.995 ? "%.2f" : number < 99.95 ? "%.1f" : "%.0f", number)
}
function rate(work, number) {
    if (number < 0) return "–"
    if (work ~ /^random/ && number < 1000) return sprintf("%.0f IOPS", number)
    if (work ~ /^random/) return sprintf("%.1fk IOPS", number / 1000)
    return sprintf("%.0f MB/s", number)
}
function verdict(number, least, wanted) {
    if (number < 0) return "–"
    if (shown(number) + 0 >= wanted) return "met"
    return shown(number) + 0 >= least ? "floor" : "**missed**"
}

# MARK: The peers

# On tmpfs with what is asked for.
function peers(place,    i, linear, judged) {
    judged = place == "tmpfs"
    print "\nOn " place ", dmfuse against each peer" \
        (judged ? "; in brackets the floor and the goal, or a goal:" : ":") "\n"
    print "| work | dmfuse | ÷ qemu | ÷ loop | ÷ nbdfuse | ÷ native | spread |" \
        (judged ? " goals |" : "") " striped ÷ linear |" (judged ? " goal |" : "") " ÷ split |"
    print "|---|--:|--:|--:|--:|--:|--:|" (judged ? "---|" : "") "--:|" (judged ? "---|" : "") "--:|"
    for (i = 1; i <= work_count; i++) {
        linear = key_of("works", place, works[i], "linear", "-")
        if (linear in known) row(place, works[i], linear)
    }
}
function row(place, work, linear,    qemu, wide, striped) {
    qemu = ratio(linear, key_of("works", place, work, "qemu", "-"))
    wide = spread
    striped = key_of("works", place, work, "striped", "-")
    printf "| %s | %s | %s", words(work), rate(work, typical(linear)), shown(qemu)
    if (place == "tmpfs") printf " (%s, %s)", floor[work], goal[work]
    cell(place, work, linear, "loop")
    cell(place, work, linear, "nbdfuse")
    cell(place, work, linear, "native")
    printf " | %.0f %% |", 100 * wide
    if (place == "tmpfs") printf " %s |", judge(place, work, linear, qemu)
    printf " %s |", shown(ratio(striped, linear))
    if (place == "tmpfs") printf " %s |", verdict(ratio(striped, linear), limit, 0.95)
    printf " %s |\n", shown(ratio(striped, key_of("works", place, work, "split", "-")))
}
function cell(place, work, linear, peer) {
    printf " | %s", shown(ratio(linear, key_of("works", place, work, peer, "-")))
    if (place == "tmpfs" && other_peer[work] == peer) printf " (%s)", other_goal[work]
}
# The goals of a work are met together.
function judge(place, work, linear, qemu,    judged, other) {
    judged = verdict(qemu, floor[work], goal[work])
    if (judged != "met" || other_peer[work] == "-") return judged
    other = ratio(linear, key_of("works", place, work, other_peer[work], "-"))
    return other < 0 || shown(other) + 0 >= other_goal[work] ? judged : "floor"
}

# MARK: Many at once

# POINTS: how many there were, blank between the numbers.
function many(table, what, points,    point, count, i, kinds, k, first, best, now, line, holds) {
    if (!((table, "tmpfs") in places)) return
    print "\n| " what " | 4k random read | ÷ one | 4k random write | ÷ one | |"
    print "|--:|--:|--:|--:|--:|---|"
    count = split(points, point, " ")
    split("random-read random-write", kinds, " ")
    for (i = 1; i <= count; i++) {
        line = "| " point[i]
        holds = "holds"
        for (k = 1; k <= 2; k++) {
            now = key_of(table, "tmpfs", kinds[k], "dmfuse", point[i])
            first = key_of(table, "tmpfs", kinds[k], "dmfuse", point[1])
            if (i == 1 || typical(now) > typical(best[k])) best[k] = now
            if (typical(now) < 0) holds = "–"
            else if (ratio(now, best[k]) < limit) holds = "**falls off**"
            line = line sprintf(" | %s | %s", rate(kinds[k], typical(now)), shown(ratio(now, first)))
        }
        print line " | " holds " |"
    }
}

# MARK: Striping

function stripes(    i, list, words_of, linear, lower, best, striped) {
    if (!(("stripes", "tmpfs") in places)) return
    print "\n| sequential, O_DIRECT | one lower device | linear ÷ lower |" \
        " striped ÷ the faster of these | |"
    print "|---|--:|--:|--:|---|"
    split("read-256K read-1M write-256K write-1M", list, " ")
    for (i = 1; i <= 4; i++) {
        lower = key_of("stripes", "tmpfs", list[i], "lower", "-")
        linear = key_of("stripes", "tmpfs", list[i], "linear", "-")
        striped = key_of("stripes", "tmpfs", list[i], "striped", "-")
        best = typical(linear) > typical(lower) ? linear : lower
        words_of = list[i]
        sub(/-/, ", ", words_of); sub(/K/, " KiB", words_of); sub(/M/, " MiB", words_of)
        printf "| %s | %s | %s | %s (3.5) | %s |\n", words_of, rate("", typical(lower)),
            shown(ratio(linear, lower)), shown(ratio(striped, best)),
            verdict(ratio(striped, best), 3.5, 3.5)
    }
}

# MARK: Noise

# The most rounds that one of some tables had.
function most(names,    tables, i, found) {
    split(names, tables, " ")
    for (i in tables) if (rounds_of[tables[i]] > found) found = rounds_of[tables[i]]
    return found + 0
}

function noise(    few, many_times) {
    if (busy() < 0) return
    few = most("works stripes")
    many_times = most("jobs devices targets")
    printf "- Rounds: %d%s. Between them other programs used %.0f %% of the CPUs (median), " \
        "%.0f %% at most\n", few ? few : many_times,
        (few && many_times > few) ? ", " many_times " of jobs, devices and targets" : "", busy(),
        busiest
    if (busy() > too_busy)
        print "- **The machine was busy with other things: this run decides nothing.**"
}

END {
    noise()
    if (("works", "tmpfs") in places) peers("tmpfs")
    if (("works", "disk") in places) peers("disk")
    many("jobs", "jobs", "1 2 4 8 16")
    many("devices", "devices", "1 10 100 1000")
    many("targets", "targets a table", "1 10 100 1000 10000 100000")
    stripes()
}
