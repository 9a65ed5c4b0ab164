# What the scripts and the integration tests share. Sourced by bash; defines functions only.

# Says why, and ends the script.
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "neither root nor sudo: can't run '$*'" >&2
        return 1
    fi
}

# Runs a command, and shows what it said only if it fails.
quietly() {
    local said status=0
    said=$("$@" 2>&1 </dev/null) || status=$?
    [ "$status" -eq 0 ] || printf '%s\n' "$said" >&2
    return "$status"
}

# Installs packages, if any are named. The lists of packages are renewed only when those at hand
# don't do.
install_packages() {
    local install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y
        --no-install-recommends "$@")
    [ $# -gt 0 ] || return 0
    command -v apt-get >/dev/null || {
        echo "there is no apt-get here to install $*" >&2
        return 1
    }
    echo "Installing $*" >&2
    as_root "${install[@]}" >/dev/null 2>&1 </dev/null || {
        quietly as_root apt-get update && quietly as_root "${install[@]}"
    }
}

# PROGRAM:PACKAGE...: installs the packages of those programs that aren't there.
install_programs() {
    local word missing=() PATH=$PATH:/usr/sbin:/sbin
    for word in "$@"; do
        command -v "${word%:*}" >/dev/null || missing+=("${word#*:}")
    done
    install_packages "${missing[@]}"
}

# Installs the file system tools that integration tests make use of, where that can be done. A test
# does without what isn't there, and says so.
install_for_tests() {
    install_programs mke2fs:e2fsprogs mkfs.xfs:xfsprogs mkfs.btrfs:btrfs-progs fuse2fs:fuse2fs \
        fio:fio || echo "Not all is installed that tests make use of" >&2
}

# Installs what building and mounting need, if it isn't there.
install_missing() {
    local missing=()
    [ -e /usr/include/fuse3/fuse_lowlevel.h ] || missing+=(libfuse3-dev)
    command -v fusermount3 >/dev/null || missing+=(fuse3)
    install_packages "${missing[@]}" ||
        die "please install libfuse 3 with its headers, and fusermount3"
    command -v swift >/dev/null ||
        die "please install Swift 6.3 or newer first: https://www.swift.org/install/linux"
}

# Installs the programs that run on a mount unmodified.
install_clients() { install_programs dmsetup:dmsetup kpartx:kpartx lvm:lvm2 sfdisk:fdisk; }

# Prints a C compiler; Swift brings one along.
c_compiler() {
    local compiler
    for compiler in cc gcc clang "$(dirname "$(readlink -f "$(command -v swift)")")/clang"; do
        ! command -v "$compiler" || return 0
    done
    die "there is no C compiler"
}

# The mounts at or below a directory, newest first: "DEVICE-MINOR PATH" a line. /proc writes blanks
# and the like in octal.
mounts_below() {
    local number path
    while read -r _ _ number _ path _; do
        path=$(printf '%b' "${path//\\/\\0}")
        case $path/ in
            "$1"/*) printf '%s %s\n' "${number#*:}" "$path" ;;
        esac
    done </proc/self/mountinfo | tac
}

# Takes away every mount at or below a directory, whatever state its daemon is in. A request that
# nobody answers blocks even SIGKILL; ending the connection frees it.
force_unmount_below() {
    local minor path abort
    mounts_below "$1" | while read -r minor path; do
        abort=/sys/fs/fuse/connections/$minor/abort
        [ ! -w "$abort" ] || echo 1 >"$abort" || true
        # -f ends the connection, too; -c keeps umount from asking the file system.
        umount -fc "$path" 2>/dev/null || umount -lc "$path" 2>/dev/null ||
            fusermount3 -uz "$path" 2>/dev/null ||
            echo "could not unmount $path" >&2
    done
}
