# The report of the results in $output, and its place in the documentation. Sourced by scripts/bench.

write_report() {
    {
        cat "$output/machine.md"
        awk -f scripts/bench.d/results.awk -f scripts/bench.d/report.awk \
            scripts/bench.d/goals.tsv "$output/results.tsv"
    } >"$output/report.md"
    # The picture is of the peers on tmpfs.
    if grep -q $'^works\ttmpfs\t' "$output/results.tsv"; then
        awk -f scripts/bench.d/results.awk -f scripts/bench.d/picture.awk \
            scripts/bench.d/goals.tsv "$output/results.tsv" >"$output/picture.svg"
    fi
}

# Puts the report between the two marks of docs/performance.md, and the picture beside it.
write_docs() {
    local document=docs/performance.md
    awk -v report="$output/report.md" '
        /^<!-- scripts\/bench: end -->$/ { is_inside = 0 }
        !is_inside { print }
        /^<!-- scripts\/bench: begin -->$/ {
            is_inside = 1
            while ((getline line < report) > 0) print line
        }' "$document" >"$output/performance.md"
    cp "$output/performance.md" "$document"
    cp "$output/picture.svg" docs/performance.svg
    echo "Written: $document, docs/performance.svg" >&2
}
