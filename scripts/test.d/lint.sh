# The format of the sources. Who may see what, and the like, is in HouseTests. Sourced by scripts/test.d/part.

# The project's files, also where there is no git.
project_files() {
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files -co --exclude-standard
    else
        find . -name '.build*' -prune -o -type f -print
    fi
}
# Prints the lines of the files on standard input that match, and fails if there are any. The
# expression of a whole argument, so that this file is none of them.
none_match() {
    local found
    found=$(xargs -d '\n' grep -nIE -e "$1" -- /dev/null) || true
    [ -z "$found" ] || { echo "$found" && false; }
}
nothing_is_left_open() { project_files | none_match 'TO[D]O|FIX[M]E'; }
scripts_parse() {
    local file
    for file in scripts/* scripts/*.d/* .ci/run Tests/Integration/*.sh Sources/wrappers/*; do
        [ -f "$file" ] || continue
        [[ $file == *.sh || $(head -n 1 "$file" | tr -d '\0') == *bash ]] || continue
        bash -n "$file" || return
    done
}
mutants_apply() {
    local file
    for file in Tests/Mutants/*.patch; do
        apply_patch "$PWD/$file" --check || return
    done
}
lint() {
    check 'lint: format' swift format lint --strict -r Sources Tests Package.swift
    check 'lint: nothing is left open' nothing_is_left_open
    check 'lint: scripts parse' scripts_parse
    check 'lint: mutants apply' mutants_apply
}
