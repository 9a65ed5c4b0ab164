#!/usr/bin/env bash
# Names, table words and paths are bytes. None is ever a format, none is taken for another, and those
# that aren't UTF-8 come back as they are. In error lines and in the log each is shown on one line,
# with \xNN for what a terminal would act on.
. "$(dirname "$0")/lib.sh"
can_mount

# U+0600 joins the % behind it to one of Swift's characters.
hidden=$'/no/\xd8\x80%n\xd8\x80%n'
# ESC, C1 in UTF-8, a byte that is no UTF-8, and U+202E, which turns the line around.
odd=$'o\e[2J\xc2\x9bm\xff\xe2\x80\xae' shown='o\x1b[2J\xc2\x9bm\xff\xe2\x80\xae'
# As libdevmapper mangles it.
mangled='o\x1b\x5b2J\xc2\x9bm\xff\xe2\x80\xae'
newline=$'a\nb' shown_newline='a\x0ab'
lookup='No such device: linear: Device lookup failed'

# WHAT FILE: it is UTF-8, and a terminal only prints what is in it.
only_prints() {
    iconv -f UTF-8 -t UTF-8 "$2" >/dev/null || fail "$1: not UTF-8"
    ! grep -P '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]' "$2" ||
        fail "$1: a terminal would act on it"
}
# LINE COMMAND...: it fails, and says just that line on standard error.
says() {
    local line=$1 status=0
    shift
    "$@" 2>said >/dev/null </dev/null || status=$?
    [ "$status" -eq 1 ] || fail "$* ended with $status, not 1" "$(cat said)"
    printf '%s\n' "$line" | same "$*: $(cat said)" - said
    only_prints "$*" said
}

# A daemon in the background, which writes to syslog. It lives on.
mkdir back
prints '' "$DMFUSE" mount back
export DM_DEV_DIR=$PWD/back
for word in "$hidden" '%n%n%s%s%s%s%s%s' "/no/$odd%n" $'/no/%\xcc\x81n%n' \
    "$(printf '%%n%.0s' {1..9000})"; do
    fails_like "dmfuse: create x: *" dmfuse create x --table "0 8 linear $word 0"
    prints 'No devices found' dmfuse ls
done
fails_like 'dmfuse: create x: Invalid argument: *' \
    dmfuse create x --table $'0 8 \xd8\x80%n%n%s 0'
dmfuse create m --table '0 8 zero'
fails_like 'dmfuse: message m: Invalid argument: *' dmfuse message m 0 $'@\xd8\x80%n%n%s'
fails_like 'dmfuse: rename m: *' dmfuse rename --manglename none m $'\xd8\x80%n%n/'
prints '' dmfuse remove m
prints '' dmfuse unmount back

# In the foreground the log can be read.
mount_here --log-level debug
says "dmfuse: create x: $lookup (/no/$shown%n: No such file or directory)" \
    dmfuse create x --table "0 8 linear /no/$odd%n 0"
says "dmfuse: create x: $lookup ($hidden: No such file or directory)" \
    dmfuse create x --table "0 8 linear $hidden 0"
says "dmfuse: create x: Invalid argument: $shown: unknown target type; 'dmfuse targets' lists those that there are" \
    dmfuse create x --table "0 8 $odd"
says "dmfuse: info $shown_newline: No such device or address" dmfuse info "$newline"
says "dmfuse: info $shown/$shown_newline: Device $shown/$shown_newline not found" \
    dmfuse info "$odd/$newline"
says "dmfuse: create x: $shown_newline: No such file or directory" dmfuse create x "$newline"
says "dmfuse: $shown_newline: Unknown command. Try 'dmfuse --help'." dmfuse "$newline"
says "dmfuse: unrecognized option '--$shown'" dmfuse ls "--$odd"
says "dmfuse: ls: Option not recognised: $shown." dmfuse ls -o "$odd"
only_prints 'the log' "daemon-$mounts.log"
for line in "(/no/$shown%n: No such file" "($hidden: No such file" "$shown: unknown target type"; do
    grep -qaF -- "$line" "daemon-$mounts.log" || fail "not in the log: $line"
done

# Such names and paths work, and what programs read is not changed. dmsetup says the same.
ln -s "$DMFUSE" dmsetup
truncate -s 64k "$odd"
touch "$newline"
dmfuse create --manglename none "$odd" --table "0 64 linear $odd 0"
dmfuse create --manglename none "$newline" --table '0 8 zero'
dmfuse create "$odd+" --table '0 8 zero'
[ -e "$mnt/mapper/$odd" ] && [ -e "$mnt/mapper/$newline" ] || fail 'the nodes'
number=$(dmfuse table --manglename none "$odd" | cut -d' ' -f4)
printf '0 64 linear %s 0\n' "$PWD/$odd" | same 'table --paths' - <(dmfuse table --paths --manglename none "$odd")
dmfuse table --paths --manglename none "$odd" | dmfuse create again
prints "0 64 linear $number 0" dmfuse table again
dmfuse remove again
major=$(dmfuse info -c --noheadings -o major --manglename none "$odd")
printf '%s\t(%s:%s)\n' "$newline" "$major" 1 "$odd" "$major" 0 "$mangled+" "$major" 2 |
    sort | same ls - <(dmfuse ls --manglename none | sort)
dmfuse create top --table "0 64 linear $major:0 0"
printf '1 dependencies\t: (%s)\n' "$odd" | same deps - <(dmfuse deps -o devname top)
dmfuse remove top
if command -v dmsetup >/dev/null && [ -e "$helpers/libdmfuse-preload.so" ]; then
    for words in 'ls --manglename none' 'table --manglename none' 'info --manglename none' \
        'info -c -o name,mangled_name,unmangled_name --manglename none'; do
        read -ra words <<<"$words"
        dmfuse run -- dmsetup "${words[@]}" >theirs 2>&1 || true
        ./dmsetup "${words[@]}" >ours 2>&1 || true
        same "dmsetup ${words[*]}" theirs ours
    done
else
    note 'not compared with dmsetup: it or the preload library is not there'
fi
dmfuse mangle >said
grep -qaFx -- "$odd: renaming to $mangled" said || fail 'mangle' "$(cat said)"
printf '%s\t(%s:%s)\n' "$odd" "$major" 0 | same 'ls after mangle' - <(dmfuse ls | grep -aF "(${major}:0)")
[ -e "$mnt/mapper/$mangled" ] || fail 'the mangled node'
dmfuse remove "$odd" "$newline" "$odd+"
unmount_here

# A mount at such a directory.
mkdir "$odd-d"
prints '' "$DMFUSE" mount "$odd-d"
prints '' "$DMFUSE" create --dir "$odd-d" d --table '0 8 zero'
prints d "$DMFUSE" info --dir "$odd-d" -c --noheadings -o name
prints d env DM_DEV_DIR="$PWD/$odd-d" "$DMFUSE" info -c --noheadings -o name
says "dmfuse: mount $PWD/$shown-d: Device or resource busy: a dmfuse daemon serves it already" \
    "$DMFUSE" mount "$odd-d"
prints '' "$DMFUSE" run --dir="$odd-d" true
prints '' "$DMFUSE" unmount "$odd-d"
says "dmfuse: mount $PWD/$shown_newline: Not a directory" "$DMFUSE" mount "$newline"
says "dmfuse: mount $PWD/$shown_newline-d: No such file or directory" "$DMFUSE" mount "$newline-d"
# A mark that a path begins with takes nothing of the option before it.
mkdir $'\xcc\x81'
prints '' "$DMFUSE" mount $'\xcc\x81'
prints 'No devices found' "$DMFUSE" ls --dir=$'\xcc\x81'
prints '' "$DMFUSE" run --dir=$'\xcc\x81' true
prints '' "$DMFUSE" unmount $'\xcc\x81'
