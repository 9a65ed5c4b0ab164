#!/usr/bin/env bash
# The library that `dmfuse run` preloads ends or holds no program, whatever answers at the control
# socket, whatever the program has left of descriptors and memory, and however long a path is; and it
# sends nothing to a stranger.
. "$(dirname "$0")/lib.sh"
need_helper false-daemon
library=$helpers/libdmfuse-preload.so
own=$helpers/false-daemon
mkdir -p dir/mapper
chmod 755 . dir dir/mapper

# COMMAND...: with the library, as under `dmfuse run`, at ./dir.
variables=(LD_PRELOAD="$library" DMFUSE_MAJOR=240 DMFUSE_REASONS="$PWD/reasons")
preloaded() { env "${variables[@]}" DMFUSE_DIR="${directory:-$PWD/dir}" "$@"; }
# KIND [USER]: what answers from now on; `heard` is what it says.
answering() {
    [ -z "${server:-}" ] || let_go "$server"
    : >heard
    start "$own" serve dir/mapper/control "$@" >heard
    server=$!
    eventually 'it listens' grep -q listening heard
}
heard() { sed 1d heard; }

# MARK: What may answer

answering good
prints $'open: ok\nlist: ok' preloaded "$own" ask
equal 'what it was told' $'20 bytes, a directory\n20 bytes, a directory' "$(heard)"
while read -r kind opened listed; do
    answering "$kind"
    prints "open: $opened${listed:+$'\n'list: $listed}" preloaded "$own" ask
done <<'END'
mute ENOTCONN
refusing EACCES
negative EPROTO
noisy EPROTO
huge ok EPROTO
short ok ENOTCONN
odd ok EPROTO
wordy ok EINVAL
END
# One line, however much it said, and nothing in it that isn't text.
equal 'lines of reasons' 1 "$(wc -l <reasons)"
equal 'control characters' '' "$(LC_ALL=C tr -d '\n\040-\176' <reasons)"
equal 'the reason' 'one\x0aother\x1b[2Jone' "$(head -c 22 reasons)"
# One that says nothing holds a program that can be ended.
answering silent
start env "${variables[@]}" DMFUSE_DIR="$PWD/dir" "$own" ask
eventually 'it waits' is_held $!
let_go $!
answering holding
prints 'child: 0' preloaded "$own" fork-in-arm

# MARK: Whose it is

answering good
if is_root; then
    answering good 65534
    prints 'open: EACCES' preloaded "$own" ask
    eventually 'it sees the end' grep -q bytes heard
    equal 'what a stranger was told' '0 bytes, no directory' "$(heard)"
    # Nor does root talk to the user whose mount it is.
    chown 65534 dir
    answering good 65534
    prints 'open: EACCES' preloaded "$own" ask
    eventually 'it sees the end' grep -q bytes heard
    equal 'what the owner was told' '0 bytes, no directory' "$(heard)"
    answering good
    chown 0 dir
    # Root's daemon, to an ordinary user: it decides itself.
    prints $'open: ok\nlist: ok' preloaded \
        setpriv --reuid=65534 --regid=65534 --clear-groups "$own" ask
fi
# Where neither has a number, both have the same.
if unshare -U true 2>/dev/null; then
    answering good
    prints 'open: EACCES' preloaded unshare -U "$own" ask
else
    note 'user namespaces left out: not permitted here'
fi

# MARK: What a program may lack

answering good
prints $'open: ok\nlist: ok' preloaded "$own" taken-names
prints $'open: EMFILE\nlist: EMFILE\n/proc/devices: EMFILE' preloaded "$own" no-descriptors
prints $'open: ok\nlist: ok' preloaded "$own" closed-descriptors
prints 'stat: ENOMEM' preloaded "$own" no-memory
rm -f reasons
prints $'/proc/devices: EFBIG\nlist: ok' preloaded "$own" no-file-size
prints $'open: ok\nlist: ok\na wrong pointer: EFAULT\n/proc/devices: ENOSYS\nstat: ok' \
    preloaded "$own" filtered
answering wordy
prints $'/proc/devices: EFBIG\nlist: EINVAL' preloaded "$own" no-file-size
equal 'a file that may not grow' '' "$(cat reasons)"
# A pipe that nobody reads.
rm reasons && mkfifo reasons
prints $'open: ok\nlist: EINVAL' preloaded "$own" ask
rm reasons

# MARK: Long paths

let_go "$server" && server=
part=$(printf 'd%.0s' {1..200})
directory=$PWD
for _ in {1..15}; do directory+=/$part; done
mkdir -p "$directory/mapper"
(cd "$directory/mapper" && exec "$own" serve control good) >heard &
server=$!
eventually 'it listens' grep -q listening heard
prints $'open: ok\nlist: ok' preloaded "$own" ask
prints "$directory/mapper" preloaded bash -c 'cd /dev/mapper && readlink /proc/self/cwd'
# One that no path can lead to isn't the machine's own device-mapper.
directory=/$(printf 'd%.0s' {1..5000})
prints 'open: ENAMETOOLONG' preloaded "$own" ask
: >empty
prints 'regular empty file' preloaded stat -c %F empty
unset directory

# MARK: /proc/devices

if is_root && unshare -m true 2>/dev/null; then
    { echo 'Character devices:' && for i in {1..3000}; do printf '%3d a-character-device\n' "$i"; done
        printf '\nBlock devices:\n'
        for i in {1..3000}; do printf '%3d a-block-device\n' "$i"; done; } >devices
    sed '/^Block/,$ s/^240 a-block-device$/240 device-mapper\n&/' devices >expected
    # shellcheck disable=SC2016
    preloaded unshare -m bash -c 'mount --bind devices /proc/devices && cat /proc/devices' >found
    same 'devices of more than 16 KiB' expected found
else
    note 'a long /proc/devices left out: mounting is not permitted here'
fi
let_go "$server"
