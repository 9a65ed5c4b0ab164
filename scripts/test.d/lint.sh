# The format of the sources, and who may see what. Sourced by scripts/test.d/part.

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
imports() { printf '^ *(@[a-zA-Z]+ +)?([a-z]+ +)?import +([a-z]+ +)?(%s)' "$1"; }
only_the_command_line_imports_foundation() {
    find Sources -path Sources/DMCommandLine -prune -o -name '*.swift' -print |
        none_match "$(imports 'Foundation|ArgumentParser|Logging')"
}
only_the_filesystem_sees_libfuse() {
    find Sources Tests -path Sources/DMFilesystem -prune -o -path Tests/DMFilesystemTests -prune \
        -o -name '*.swift' -print | none_match "$(imports CFuse)" &&
        find Sources Tests -name '*.[ch]' | none_match '#include.*fuse3?/|fuse_lowlevel'
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
lint() {
    check 'lint: format' swift format lint --strict -r Sources Tests Package.swift
    check 'lint: only the command line sees Foundation' only_the_command_line_imports_foundation
    check 'lint: only the file system sees libfuse' only_the_filesystem_sees_libfuse
    check 'lint: nothing is left open' nothing_is_left_open
    check 'lint: scripts parse' scripts_parse
}
