# Draws the peers on tmpfs as an SVG: a group of bars a work, a colour a peer, on a logarithmic axis
# of the ratio to qemu-storage-daemon. Reads results.tsv; needs results.awk. The picture brings its
# own ground, dark where the reader prefers that.

BEGIN {
    FS = "\t"
    group_count = split("random-read-1 random-read-4 random-write-1 random-write-4 " \
        "read-direct read-buffered write-fsync write-direct", works, " ")
    split("4k random read, 1 job|4k random read, 4 jobs|4k random write, 1 job|4k random write, 4 jobs|" \
        "read, O_DIRECT|read, buffered|write + fsync|write, O_DIRECT", titles, "|")
    bar_count = split("linear loop nbdfuse native", bars, " ")
    split("dmfuse|loop device|nbdkit + nbdfuse|native file", names, "|")
    width = 860; left = 190; right = 70; top = 84; thick = 11; gap = 16
}
{ remember() }

function log2(number) { return log(number) / log(2) }
function x_of(number) { return left + (log2(number) - log2(least)) / (log2(most) - log2(least)) * (width - left - right) }
function text(x, y, class, words) { printf "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">%s</text>\n", x, y, class, words }
function label(number) { return sprintf(number < 0.995 ? "%.2f" : number < 9.95 ? "%.1f" : "%.0f", number) "×" }

# The axis reaches from one power of two to another.
function find_ends(    i, b, number) {
    least = 0.5; most = 4
    for (i = 1; i <= group_count; i++)
        for (b = 1; b <= bar_count; b++) {
            number = ratio(key(works[i], bars[b]), key(works[i], "qemu"))
            found[i, b] = number
            if (number <= 0) continue
            while (number < least) least /= 2
            while (number > most) most *= 2
        }
}
function key(work, peer) { return key_of("works", "tmpfs", work, peer, "-") }

function style() {
    print "<style>"
    print "text { font: 12px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328 }"
    print ".title { font-size: 16px; font-weight: 600 } .work { text-anchor: end } .tick { text-anchor: middle; fill: #656d76; font-size: 11px }"
    print ".value { font-size: 10px; fill: #656d76 } .ours { font-size: 10.5px; font-weight: 700 } .note { fill: #656d76 }"
    print ".ground { fill: #ffffff; stroke: #d0d7de } .grid { stroke: #d8dee4 } .one { stroke: #1f2328; stroke-width: 1.5 }"
    print ".linear { fill: #0969da } .loop { fill: #2da44e } .nbdfuse { fill: #d4a72c } .native { fill: #afb8c1 }"
    print "@media (prefers-color-scheme: dark) {"
    print "text { fill: #e6edf3 } .tick, .value, .note { fill: #8d96a0 } .ours { fill: #e6edf3 }"
    print ".ground { fill: #0d1117; stroke: #30363d } .grid { stroke: #21262d } .one { stroke: #e6edf3 }"
    print ".linear { fill: #4493f8 } .loop { fill: #3fb950 } .nbdfuse { fill: #d29922 } .native { fill: #6e7681 }"
    print "}\n</style>"
}
function legend(    b, x) {
    x = left
    for (b = 1; b <= bar_count; b++) {
        printf "<rect x=\"%.1f\" y=\"42\" width=\"12\" height=\"12\" rx=\"2\" class=\"%s\"/>\n", x, bars[b]
        text(x + 17, 52, "", names[b])
        x += 32 + 6.6 * length(names[b])
    }
}
function axis(    number) {
    for (number = least; number <= most; number *= 2) {
        printf "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" class=\"%s\"/>\n",
            x_of(number), x_of(number), top, height - 34, number == 1 ? "one" : "grid"
        text(x_of(number), top - 6, "tick", number < 1 ? "1/" 1 / number "×" : number "×")
    }
}
# The bars of work i, from the line at 1 to what they reach.
function group(i, y,    b, number, from, to) {
    text(left - 12, y + bar_count * thick / 2 + 4, "work", titles[i])
    for (b = 1; b <= bar_count; b++) {
        number = found[i, b]
        if (number > 0) {
            from = x_of(number < 1 ? number : 1); to = x_of(number < 1 ? 1 : number)
            printf "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"%s\"><title>%s, %s: %s</title></rect>\n",
                from, y + (b - 1) * thick, to - from, thick - 1.5, bars[b], names[b], titles[i], label(number)
            text(x_of(number < 1 ? 1 : number) + 5, y + b * thick - 2.5, bars[b] == "linear" ? "ours" : "value", label(number))
        }
    }
}

END {
    find_ends()
    height = top + group_count * (bar_count * thick + gap) + 40
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n",
        width, height, width, height, "Throughput of dmfuse and its peers, relative to qemu-storage-daemon"
    style()
    printf "<rect x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%d\" rx=\"8\" class=\"ground\"/>\n", width - 1, height - 1
    text(20, 28, "title", "Throughput, as a multiple of qemu-storage-daemon’s FUSE export")
    legend()
    axis()
    for (i = 1; i <= group_count; i++) group(i, top + 8 + (i - 1) * (bar_count * thick + gap))
    text(20, height - 14, "note", "One linear device on tmpfs, by scripts/bench: medians of interleaved rounds (" rounds "). Logarithmic; faster is to the right.")
    print "</svg>"
}
