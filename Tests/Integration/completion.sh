#!/usr/bin/env bash
# Completion in bash, of commands, options, their values, the devices of the mount that is named, targets,
# fields, and of what `run` starts; and the keys of a person at a terminal.
. "$(dirname "$0")/lib.sh"
need_command script
mount_here
export PATH=$helpers:$PATH
dmfuse create one --table '0 8 zero'
dmfuse create other --table '0 8 error'
dmfuse create 'with blank' --table '0 8 zero'

# WORD...: what the last word may become.
candidates() {
    bash -c 'eval "$(dmfuse completion bash)"
        COMP_WORDS=(dmfuse "$@") COMP_CWORD=$#
        _dmfuse
        printf "%s\n" "${COMPREPLY[@]}"' bash "$@" | sort -u | paste -sd ' '
}
# WANTED WORD...
completes() { equal "dmfuse ${*:2}" "$1" "$(candidates "${@:2}")"; }

completes 'mount' moun
completes 'remove remove_all' rem
completes '--target' table --ta
completes '--dir --help --version' -
completes 'one other with\ blank' remove ''
completes 'one other' suspend o
completes 'with\ blank' status one w
completes '--deferred' remove --def
completes 'delay error linear striped zero' target-version ''
completes 'striped' ls --target str
completes 'name,uuid' info -c -o name,uu
completes 'auto' mangle --manglename a
completes 'notice' mount --log-level no
completes 'bash fish zsh' completion ''
completes 'create' help crea
mkdir directory
touch directory.file
completes 'directory' mount direc
completes 'printenv' run printen
completes 'printenv' run -- printen
# The mount that the command line names, and none.
(
    unset DM_DEV_DIR
    completes 'one other' --dir "$mnt" suspend o
    completes 'one other' suspend --dir "$mnt" o
    completes '' --dir "$PWD/nowhere" suspend o
    # As bash gives it.
    completes 'one other' --dir = "$mnt" suspend o
    completes 'remove remove_all' --dir = "$mnt" rem
    completes 'debug' mount --log-level = de
)

# At a terminal: Tab completes, Ctrl-A and `echo` show what stands there then.
typed() {
    # shellcheck disable=SC2016
    printf '%s\n' 'eval "$(dmfuse completion bash)"' "$1"$'\001''echo ' exit |
        soon script -qec 'bash --norc -i' /dev/null
}
typed $'dmfuse susp\twith\t' >said 2>&1 || true
grep -qF 'dmfuse suspend with blank' said || fail 'Tab' "$(<said)"

for name in one other 'with blank'; do dmfuse remove "$name"; done
unmount_here
