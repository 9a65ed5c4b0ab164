# What the scripts and the integration tests share. Sourced by bash; defines functions only.

# PATH DIRECTORY: what a caller means by it who was in that directory.
path_of() { case $1 in /*) echo "$1" ;; *) echo "$2/$1" ;; esac }

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
# don't do. One at a time: apt-get waits for no other.
install_packages() {
    [ $# -gt 0 ] || return 0
    command -v apt-get >/dev/null || {
        echo "there is no apt-get here to install $*" >&2
        return 1
    }
    echo "Installing $*" >&2
    mkdir -p .build
    # What a package starts doesn't keep the lock.
    (flock 9 && install_packages_alone "$@" 9>&-) 9>.build/install.lock
}
install_packages_alone() {
    local install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y
        --no-install-recommends "$@")
    as_root "${install[@]}" >/dev/null 2>&1 </dev/null || {
        quietly as_root apt-get update && quietly as_root "${install[@]}"
    }
}

# PROGRAM:PACKAGE...: prints the packages of those programs that aren't there.
packages_of_missing() {
    local word PATH=$PATH:/usr/sbin:/sbin
    for word in "$@"; do
        command -v "${word%:*}" >/dev/null || echo "${word#*:}"
    done
}
# PROGRAM:PACKAGE...: installs the packages of those programs that aren't there.
install_programs() {
    local missing
    mapfile -t missing < <(packages_of_missing "$@")
    install_packages "${missing[@]}"
}

# Installs the programs that run on a mount in the integration tests, where that can be done. A test
# does without what isn't there, and says so. What couldn't be had isn't asked for again for a day.
install_for_tests() {
    local programs=(dmsetup:dmsetup kpartx:kpartx lvm:lvm2 sfdisk:fdisk mke2fs:e2fsprogs
        mkfs.xfs:xfsprogs mkfs.btrfs:btrfs-progs mkfs.fat:dosfstools parted:parted
        fuse2fs:fuse2fs fio:fio fakeroot:fakeroot sudo:sudo)
    local lacking=.build-release/lacking
    [ -z "$(find "$lacking" -mmin -1440 2>/dev/null)" ] ||
        [ "$(<"$lacking")" != "$(packages_of_missing "${programs[@]}")" ] || return 0
    install_programs "${programs[@]}" || {
        echo "Not all is installed that tests make use of" >&2
        mkdir -p "${lacking%/*}"
        packages_of_missing "${programs[@]}" >"$lacking"
    }
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

# Prints a C compiler; Swift brings one along.
c_compiler() {
    local compiler
    for compiler in cc gcc clang "$(dirname "$(readlink -f "$(command -v swift)")")/clang"; do
        ! command -v "$compiler" || return 0
    done
    die "there is no C compiler"
}

# PATCH [--check]: applies a patch to this directory, or only looks whether it does. Also where there is
# no git, and where this directory is in another one's repository, which git would apply it to.
apply_patch() {
    if command -v git >/dev/null; then
        GIT_CEILING_DIRECTORIES=$(dirname "$(pwd -P)") git apply ${2:+"$2"} "$1"
    else
        patch --silent --batch -p1 ${2:+--dry-run} <"$1"
    fi
}

# The commit that stands here, with "+" if there are changes beside it; nothing where there is no git.
commit_here() {
    local commit
    # git looks at nobody else's repository.
    [ -e .git ] && commit=$(git rev-parse --short=12 HEAD 2>/dev/null) || return 0
    git diff --quiet HEAD 2>/dev/null || commit+=+
    printf '%s' "$commit"
}

# The version in the sources.
version_here() { sed -n 's/.*static let program = "\(.*\)"$/\1/p' Sources/DMCommandLine/Commands/VersionCommand.swift; }
# The day of the commit, so that what is built of it twice is the same.
date_here() {
    if [ "$(commit_here)" ]; then git log -1 --format=%cs; else date -r CHANGELOG.md +%F; fi
}

# MARK: What was made before

# PATH...: what changes when one of these files does, or one in these directories: its name, inode,
# size, or one of its times. (A copy may keep the time of its bytes, but not that of its inode.)
state_of() {
    find -H "$@" -type f -printf '%p %i %s %T@ %C@\n' | LC_ALL=C sort
}
# SCRATCH COMMAND...: runs a command of SwiftPM's, which fails where two build into one directory.
building_in() {
    mkdir -p "$1"
    flock "$1/lock" "${@:2}"
}
# NAME: builds a product of the package, optimized, and prints its path.
release_product() {
    quietly building_in .build-release swift build -c release --static-swift-stdlib \
        --scratch-path .build-release --product "$1" && echo "$PWD/.build-release/release/$1"
}
# STAMP PRODUCT STATE: keeps the file STATE, what a product was made of before it was made.
remember_made() {
    { cat "$3" && state_of "$2"; } >"$1.new" && mv "$1.new" "$1"
}
# STAMP PRODUCT STATE: whether it was made of just that, and nobody has made another since.
is_as_made() {
    [ -e "$1" ] && [ -e "$2" ] && { cat "$3" && state_of "$2"; } | cmp -s "$1" -
}

# MARK: An ordinary user

# Sets as_user, which stands before a command of an ordinary user: of nobody, if we are root.
find_ordinary_user() {
    as_user=()
    [ "$(id -u)" -ne 0 ] || as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
}
anybody_opens_fuse() {
    local as_user
    find_ordinary_user
    "${as_user[@]}" sh -c ': <>/dev/fuse' 2>/dev/null
}
# Whether we can be in a mount namespace of our own.
can_leave_namespace() {
    [ "$(id -u)" -eq 0 ] && unshare --mount --propagation private true 2>/dev/null
}
# DIRECTORY: udev lets everybody open /dev/fuse. Where there is no udev it is root's alone: a node in
# DIRECTORY takes its place. Only in a mount namespace of our own.
open_fuse() {
    ! anybody_opens_fuse && [ -c /dev/fuse ] || return 0
    mknod -m 666 "$1/fuse" c "0x$(stat -c %t /dev/fuse)" "0x$(stat -c %T /dev/fuse)" &&
        mount --bind "$1/fuse" /dev/fuse || return 0
    anybody_opens_fuse || umount /dev/fuse
} 2>/dev/null

# MARK: Mounts

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

# DIRECTORY...: takes away the mounts of FUSE and of loop devices, but for those that the directories are
# on. For a mount namespace of our own: it begins with a copy of every mount, which keeps its device busy
# for others, and a test would take it for a mount of its user's.
leave_mounts_of_others() {
    local line path type source own is_wanted
    while IFS= read -r line; do
        read -r _ _ _ _ path _ <<<"$line"
        read -r type source _ <<<"${line##* - }"
        [[ $type == fuse* || $source == /dev/loop* ]] || continue
        path=$(printf '%b' "${path//\\/\\0}")
        is_wanted=''
        for own; do [[ $own/ != "$path"/* ]] || is_wanted=yes; done
        [ "$is_wanted" ] || umount -lc "$path" 2>/dev/null || true
    done < <(tac /proc/self/mountinfo)
}

# MARK: What is left of a test

# Waits a little: nothing is ever written to DIRECTORY/never, and no process is left behind.
pause_below() { read -r -t 0.02 _ <>"$1/never" || true; }

# The numbers of the processes that were started with something below a directory in their environment.
processes_below() {
    local file
    # It fails when one of them ends meanwhile.
    { grep -lsaF -e "=$1/" /proc/[0-9]*/environ || true; } | while IFS=/ read -r _ _ file _; do
        [ "$file" = $$ ] || echo "$file"
    done
}
# Ends them, within a bound: some hang in a request, until a mount is gone.
end_processes_below() {
    local process end=$((SECONDS + 20)) processes
    while processes=$(processes_below "$1") && [ -n "$processes" ]; do
        for process in $processes; do kill -KILL "$process" 2>/dev/null || true; done
        [ "$SECONDS" -lt "$end" ] || return 1
        pause_below "$1"
    done
}
# Detaches the loop devices over files below a directory.
detach_loops_below() {
    local loop file
    command -v losetup >/dev/null && losetup -n -O NAME,BACK-FILE -l 2>/dev/null |
        while read -r loop file; do
            [[ $file != "$1"/* ]] || losetup -d "$loop" || true
        done
}

# MARK: Documents

# DOCUMENT WORD FILE: puts the file between the two lines of the document that hold the word.
put_section() {
    local text
    text=$(awk -v begin="<!-- $2 -->" -v end="<!-- /$2 -->" -v text="$3" '
        $0 == end { inside = 0 }
        !inside { print }
        $0 == begin { inside = 1; while ((getline line < text) > 0) print line }
    ' "$1")
    printf '%s\n' "$text" >"$1"
}
