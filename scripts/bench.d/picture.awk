# Draws the peers on tmpfs as an SVG: a group of bars a work, a colour a peer, on a logarithmic axis
# of the ratio to qemu-storage-daemon. Needs results.awk. The picture brings its own ground, dark
# where the reader prefers that.

BEGIN {
    bar_count = split("linear loop nbdfuse native", bars, " ")
    split("dmfuse|loop device|nbdkit + nbdfuse|native file", names, "|")
    width = 860; left = 210; right = 70; top = 84; thick = 11; gap = 16
}
function log2(number) { return log(number) / log(2) }
function x_of(number) {
    return left + log2(number / least) / log2(most / least) * (width - left - right)
}
function text(x, y, class, said) {
    printf "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">%s</text>\n", x, y, class, said
}
function box(x, y, wide, high, class, said) {
    printf "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"%s\">",
        x, y, wide, high, class
    print "<title>" said "</title></rect>"
}
function label(number) {
    return sprintf(number < 0.995 ? "%.2f" : number < 9.95 ? "%.1f" : "%.0f", number) "×"
}

# The axis reaches from one power of two to another.
function find_ends(    i, b, number) {
    least = 0.5; most = 4
    for (i = 1; i <= work_count; i++)
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
    print ".title { font-size: 16px; font-weight: 600 } .work, .busy { text-anchor: end }"
    print ".busy { font-weight: 600 }"
    print ".tick { font-size: 11px; text-anchor: middle } .tick, .value, .note { fill: #656d76 }"
    print ".value { font-size: 10px } .ours { font-size: 10.5px; font-weight: 700 }"
    print ".ground { fill: #ffffff; stroke: #d0d7de } .grid { stroke: #d8dee4 }"
    print ".one { stroke: #1f2328; stroke-width: 1.5 }"
    print ".linear { fill: #0969da } .loop { fill: #2da44e }"
    print ".nbdfuse { fill: #d4a72c } .native { fill: #afb8c1 }"
    print "@media (prefers-color-scheme: dark) {"
    print "text { fill: #e6edf3 } .tick, .value, .note { fill: #8d96a0 }"
    print ".ground { fill: #0d1117; stroke: #30363d } .grid { stroke: #21262d }"
    print ".one { stroke: #e6edf3 }"
    print ".linear { fill: #4493f8 } .loop { fill: #3fb950 }"
    print ".nbdfuse { fill: #d29922 } .native { fill: #6e7681 }"
    print "}\n</style>"
}
function legend(    b, x) {
    x = left
    for (b = 1; b <= bar_count; b++) {
        box(x, 42, 12, 12, bars[b], names[b])
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
    text(left - 12, y + bar_count * thick / 2 + 4, "work", words(works[i]))
    for (b = 1; b <= bar_count; b++) {
        number = found[i, b]
        if (number > 0) {
            from = x_of(number < 1 ? number : 1); to = x_of(number < 1 ? 1 : number)
            box(from, y + (b - 1) * thick, to - from, thick - 1.5, bars[b],
                names[b] ", " words(works[i]) ": " label(number))
            text(to + 5, y + b * thick - 2.5, b == 1 ? "ours" : "value", label(number))
        }
    }
}

END {
    find_ends()
    height = top + work_count * (bar_count * thick + gap) + 40
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\"", width, height
    printf " viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n", width, height,
        "Throughput of dmfuse and its peers, relative to qemu-storage-daemon"
    style()
    printf "<rect x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%d\" rx=\"8\" class=\"ground\"/>\n",
        width - 1, height - 1
    text(20, 28, "title", "Throughput, as a multiple of qemu-storage-daemon’s FUSE export")
    legend()
    axis()
    for (i = 1; i <= work_count; i++) group(i, top + 8 + (i - 1) * (bar_count * thick + gap))
    text(20, height - 14, "note", "One linear device on tmpfs, by scripts/bench: medians of " \
        "interleaved rounds (" rounds "). Logarithmic; faster is to the right.")
    if (busy() > too_busy)
        text(width - 20, 52, "busy", "Busy machine: decides nothing.")
    print "</svg>"
}
