# What every integration test begins with: `. "$(dirname "$0")/lib.sh"`.
#
# A test runs in a directory of its own, which is its working directory, is told the binary by
# $DMFUSE, and ends with 0, with 77 when the machine can't show it, or with anything else. At its
# end what it mounted, started or attached is taken away again, in whatever state it is.
# scripts/test runs them; one alone runs by `DMFUSE=PATH Tests/Integration/NAME.sh`.
set -Eeuo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

: "${DMFUSE:?the path of the binary}"
readonly helpers=${DMFUSE%/*}
export LC_ALL=C
test_directory=$(mktemp -d "${TMPDIR:-/tmp}/dmfuse-XXXXXX")
cd "$test_directory"
mkfifo never
loops=() # loop devices
mounts=0
# Seconds that anything may take that ends by itself: a hang is found, and a busy machine isn't one.
readonly patience=120

# What a user types. DM_DEV_DIR names the mount.
dmfuse() { "$DMFUSE" "$@"; }

# MARK: The end

at_end() {
    local status=$? process loop
    trap - EXIT ERR
    set +e
    [ "$status" -eq 0 ] || [ "$status" -eq 77 ] || show_daemons
    force_unmount_below "$test_directory"
    # Those that still run: the numbers of others may be somebody else's by now.
    for process in $(jobs -rp); do kill "$process" 2>/dev/null; done
    for loop in "${loops[@]}"; do
        # Unless it is somebody else's by now.
        [[ $(backing_of "$loop") != "$test_directory"/* ]] || losetup -d "$loop" 2>/dev/null
    done
    cd /
    rm -rf "$test_directory"
    exit "$status"
}
trap at_end EXIT
trap 'exit 1' INT TERM
trap 'printf "%s: line %s: failed: %s\n" "$0" "$LINENO" "$BASH_COMMAND" >&2' ERR

show_daemons() {
    local log
    for log in daemon-*.log; do
        [ ! -s "$log" ] || { echo "What the daemon said ($log):" && tail -n 50 "$log"; } >&2
    done
}

skip() {
    printf '%s\n' "$*"
    exit 77
}
# Shown behind the test's result.
note() { printf '%s\n' "$*" >>"${NOTES:-/dev/stderr}"; }

fail() {
    local frame=0
    printf 'FAILED: %s\n' "$1"
    shift
    [ $# -eq 0 ] || printf '  %s\n' "$@"
    while [ "$frame" -lt 4 ] && caller "$frame"; do
        frame=$((frame + 1))
    done | sed 's/^/  at line /'
    exit 1
} >&2

# MARK: Needs

is_root() { [ "$(id -u)" -eq 0 ]; }
# How often to try what goes wrong now and then: N as root. An ordinary user's mount differs in how it
# is made, not in what it does with requests: a fifth there.
tries() { if is_root; then echo "$1"; else echo $(($1 / 5)); fi; }
need_command() {
    local command
    for command in "$@"; do
        command -v "$command" >/dev/null || skip "$command isn't installed"
    done
}
# DIRECTORY: makes it /dev, with what is needed there. In a mount namespace of its own only; for scripts there,
# too.
take_for_dev() {
    ln -s /proc/self/fd "$1/fd"
    local name
    for name in null zero fuse; do
        touch "$1/$name"
        mount --bind "/dev/$name" "$1/$name"
    done
    mount --rbind "$1" /dev
}
export -f take_for_dev
# A program that was compiled from a C file here.
need_helper() {
    [ -x "$helpers/$1" ] || skip "$1 wasn't compiled"
}
# Whether a set of this process's capabilities (Eff, Bnd, ...) holds one, by its number.
has_capability() { (((0x$(sed -n "s/^Cap$1:\t//p" /proc/self/status) >> $2) & 1)); }
# CAP_SYS_ADMIN
may_mount_by() { has_capability "$1" 21; }
can_mount() {
    { true <>/dev/fuse; } 2>/dev/null || skip "/dev/fuse can't be opened here"
    if is_root; then
        may_mount_by Eff || skip "mounting isn't permitted here"
    else
        can_use_fusermount
    fi
}
can_use_fusermount() {
    [ -u "$(command -v fusermount3)" ] || skip "fusermount3 isn't there, or not setuid"
    grep -q '^NoNewPrivs:.0' /proc/self/status && may_mount_by Bnd ||
        skip "fusermount3 can't get its privilege here"
}

# MARK: Mounts

# Mounts at a new directory, $mnt, with a daemon in the foreground, whose process is $daemon.
# Arguments are options of `dmfuse mount`.
mount_here() {
    can_mount
    mounts=$((mounts + 1))
    mnt=$test_directory/mnt-$mounts
    mkdir "$mnt"
    mount_at "$mnt" "$@"
}
mount_at() {
    mnt=$1
    shift
    export DM_DEV_DIR=$mnt
    "$DMFUSE" mount --foreground "$@" "$mnt" >>"daemon-$mounts.log" 2>&1 &
    daemon=$!
    eventually "the daemon mounts $mnt and answers" daemon_answers
}
daemon_answers() {
    kill -0 "$daemon" 2>/dev/null || fail "the daemon ended instead of mounting $mnt"
    is_mounted "$mnt" && dmfuse ls >/dev/null 2>&1
}
is_mounted() { [ -n "$(mounts_below "$1")" ]; }
# Ends the daemon of $mnt as a user does; it must end well.
unmount_here() {
    dmfuse unmount "$mnt"
    ends_with 0 "$daemon"
}

# MARK: Files

# NAME SECTORS: a backing file of zeros.
make_file() { truncate -s $(($2 * 512)) "$1"; }
# NAME SECTORS: a backing file of random bytes.
make_random() { head -c $(($2 * 512)) /dev/urandom >"$1"; }
# FILE FROM COUNT: some sectors of a file, by dd alone.
sectors() { dd if="$1" bs=512 skip="$2" count="$3" status=none; }
device() { printf '%s/mapper/%s' "$mnt" "$1"; }

# KIND PROGRAM...: whether this kernel has a file system, and the programs for it are here; else it is
# left out.
has_file_system() {
    local kind=$1 program
    shift
    for program in "mkfs.$kind" "$@"; do
        command -v "$program" >/dev/null || {
            note "$kind left out: $program isn't installed"
            return 1
        }
    done
    grep -qw "$kind" /proc/filesystems || {
        note "$kind left out: this kernel doesn't have it"
        return 1
    }
}
# [SIZE]: a memory file system at ./memory, where fsync costs nothing. For root.
memory_here() {
    mkdir memory
    mount -t tmpfs -o size="${1:-1g}" none memory 2>/dev/null || skip "tmpfs can't be mounted here"
}

# MARK: Loop devices

# FILE [OPTION...]: a loop device over it, $loop, until loop_off or the end of the test. Whether there
# is one. The number that was free is another's now and then, before it is ours.
try_loop_over() {
    local tries=50
    command -v losetup >/dev/null || return
    until loop=$(losetup -f --show "${@:2}" "$1" 2>losetup.log); do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return
        pause
    done
    loops+=("$loop")
}
# The same; skips the test where loop devices can't be made.
loop_over() { try_loop_over "$@" || skip "loop devices aren't permitted here: $(<losetup.log)"; }
# NAME [on]: the same over that device, with direct I/O if wanted.
loop_here() {
    need_command losetup
    loop_over "$(device "$1")" --direct-io="${2:-off}"
}
# LOOP: the file that a loop device stands on; nothing if there is none.
backing_of() { cat "/sys/block/${1#/dev/}/loop/backing_file" 2>/dev/null || true; }
# LOOP: detaches it, and waits until it is. losetup leaves that to the last who has it open, which may
# be a program that looks at every disk. Not to be done twice: the name is soon somebody else's.
detach() {
    local file
    file=$(backing_of "$1")
    losetup -d "$1"
    [ -z "$file" ] || eventually "$1 is detached" stands_no_more "$1" "$file"
}
stands_no_more() { [ "$(backing_of "$1")" != "$2" ]; }
# Detaches $loop.
loop_off() {
    local one left=()
    detach "$loop"
    for one in "${loops[@]}"; do [ "$one" = "$loop" ] || left+=("$one"); done
    loops=("${left[@]}")
}
# Skips the test where loop devices can't be had, before it begins.
need_loops() {
    dmfuse create probe --table '0 64 zero'
    loop_here probe on
    loop_off
    dmfuse remove --retry probe
}

# MARK: Waiting

# Waits a little: nothing is ever written to that.
pause() { read -r -t 0.02 _ <>"$test_directory/never" || true; }
# WHAT COMMAND...: until the command succeeds, but not for ever.
eventually() {
    local what=$1 end=$((SECONDS + patience))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || fail "it didn't come to that: $what"
        pause
    done
}
# Also where bash hasn't waited for it yet: it may miss the end of one while it waits for another. Read by
# `read`: where the process ends at this moment, `$(<...)` would end the whole script.
has_ended() {
    local stat
    { ! kill -0 "$1" || ! read -r stat <"/proc/$1/stat" || [[ $stat == *') Z '* ]]; } 2>/dev/null
}
# STATUS PROCESS: a process of ours ends by itself, so.
ends_with() {
    local status=0
    eventually "process $2 ends" has_ended "$2"
    wait "$2" || status=$?
    [ "$status" -eq "$1" ] || fail "process $2 ended with $status, not $1"
}
# PROCESS...: they are still there.
still_run() {
    local process
    for process in "$@"; do kill -0 "$process" 2>/dev/null || fail "process $process has ended"; done
}
# Whether a process waits in the kernel, and, given a descriptor, has a device open there.
is_held() {
    local state
    state=$(sed -n 's/^State:.\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null)
    [[ $state == [SD] ]] && { [ $# -lt 2 ] || [[ $(readlink "/proc/$1/fd/$2") == */dm-* ]]; }
}
# How many clients are connected to $daemon: a socket that it accepted has a path, that of the listening
# one; its own pair has none.
clients() {
    awk 'NR == FNR { ours[$1]; next } $6 == "03" && $8 != "" && $7 in ours { found++ } END { print found + 0 }' \
        <(find "/proc/$daemon/fd" -lname 'socket:*' -printf '%l\n' 2>/dev/null | tr -dc '0-9\n') \
        /proc/net/unix
}
# PROCESS [CLIENTS]: whether $daemon has heard its command, and it waits for the answer: it and so many
# clients (1) are connected, and neither it nor a thread of the daemon runs.
is_served() {
    [ "$(clients)" -eq "${2:-1}" ] && grep -qs '^State:.S' "/proc/$1/status" &&
        ! grep -qs '^State:.R' "/proc/$daemon/task/"*/status
}
# COMMAND...: within a bound that a stuck tree would not keep.
soon() { timeout "$patience" "$@"; }
# Runs a command in the background: its process is $!.
start() { "$@" & }
# PATH: another process, $!, has it open until it is killed. (A descriptor of ours would be inherited
# by each command, whose end looks to the daemon as if the device were closing.)
hold_open() {
    start bash -c 'exec 3<"$1" && read -r _ <>"$2"' hold "$1" "$test_directory/never"
    eventually "$1 is open" is_held $! 3
}
let_go() {
    kill "$1"
    eventually "process $1 ends" has_ended "$1"
}

# MARK: Expectations

# WANTED COMMAND...: the command succeeds and prints just that.
prints() {
    local wanted=$1 said status=0
    shift
    said=$("$@" 2>&1 </dev/null) || status=$?
    [ "$status" -eq 0 ] || fail "$* ended with $status" "it said: $said"
    [ "$said" = "$wanted" ] || fail "$*" "expected: $wanted" "it said:  $said"
}
# WANTED COMMAND...: the command fails with status 1 and says just that, on standard error.
refuses() {
    local wanted=$1 said status=0
    shift
    said=$("$@" 2>&1 >stdout </dev/null) || status=$?
    [ "$status" -eq 1 ] || fail "$* ended with $status, not 1" "it said: $said"
    [ ! -s stdout ] || fail "$* failed and printed" "$(cat stdout)"
    [ "$said" = "$wanted" ] || fail "$*" "expected: $wanted" "it said:  $said"
}
# PATTERN COMMAND...: the command fails, and the first line of what it says matches.
fails_like() {
    local pattern=$1 said status=0
    shift
    said=$("$@" 2>&1 </dev/null) || status=$?
    [ "$status" -ne 0 ] || fail "$* succeeded" "it said: $said"
    # shellcheck disable=SC2053
    [[ ${said%%$'\n'*} == $pattern ]] || fail "$*" "expected: $pattern" "it said:  $said"
}
# WHAT WANTED GOT
equal() { [ "$2" = "$3" ] || fail "$1" "expected: $2" "found:    $3"; }
# WHAT FILE FILE: the same bytes. A file may be standard input, -.
same() {
    local said
    said=$(cmp -- "$2" "$3" 2>&1) || fail "$1" "$said"
}
# WHAT FILE FROM COUNT: these sectors are zeros.
zeros() { sectors "$2" "$3" "$4" | cmp -n $(($4 * 512)) - /dev/zero || fail "$1"; }
