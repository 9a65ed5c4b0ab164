# What the wrappers share: sourced by each from beside its directory.

# Prints the program behind the one that runs, on PATH; fails if there is none.
next() {
    name=${0##*/}
    set -f
    IFS=:
    for directory in $PATH; do
        # Wrappers, also another installation's: that would find this one.
        case ${directory%/} in */dmfuse-run/sudo | */dmfuse-run/mount) continue ;; esac
        program=${directory:-.}/$name
        if [ -f "$program" ] && [ -x "$program" ]; then
            printf '%s\n' "$program"
            return
        fi
    done
    printf 'dmfuse: %s: command not found\n' "$name" >&2
    return 1
}
