#!/usr/bin/env bash
# Paths of more than 107 bytes, the most that a socket's address holds: of the mount and of the
# directory of the socket.
. "$(dirname "$0")/lib.sh"
can_mount
long=$(printf 'x%.0s' {1..120})
mkdir -p "$long/$long" "run/$long"
unset DMFUSE_RUNTIME_DIR
export XDG_RUNTIME_DIR=$PWD/run/$long
mount_at "$(mkdir "$long/$long/mnt" && echo "$PWD/$long/$long/mnt")"
# Root's sockets are in /run, whatever that says.
is_root || [[ $(readlink "$mnt/mapper/control") == "$XDG_RUNTIME_DIR"/* ]] || fail 'another socket'
make_random a 64
cp a "$long/a"
prints '' dmfuse create d --table "0 64 linear $PWD/$long/a 0"
same 'a device' a "$(device d)"
cd "$long"
dmfuse create e --table '0 64 linear a 0'
same 'by a relative path' a "$(device e)"
cd "$test_directory"
name=$(printf 'n%.0s' {1..127})
prints '' dmfuse create "$name" --table "0 64 linear $(device d) 0"
same 'by its long name' a "$(device "$name")"
prints '' dmfuse remove_all
unmount_here
