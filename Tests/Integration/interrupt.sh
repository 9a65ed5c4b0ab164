#!/usr/bin/env bash
# Signals to those who wait on a suspended device. A request that the kernel interrupts is answered
# EINTR and freed when its process is to end, so Ctrl-C ends that dd; the others go on with resume,
# `remove --force` or `unmount --force` (docs/limits.md).
. "$(dirname "$0")/lib.sh"
need_helper signalled
readonly sigint=2 sigusr1=10
make_random image 8
fresh() {
    # shellcheck disable=SC2119 # it takes options of mount
    if [ -z "${mnt:-}" ] || ! is_mounted "$mnt"; then mount_here; fi
    rm -f a && make_file a 2048
    dmfuse create d --table "0 2048 linear $PWD/a 0"
}
# Background processes of a script ignore SIGINT unless told otherwise.
start_dd() { start env --default-signal=INT dd status=none "$@" 2>dd.log; }
start_call() { start "$helpers/signalled" "$@" >said 2>&1; }
# PROCESS SIGNAL: that signal waits for it.
is_pending() {
    local set
    while read -r _ set; do
        (((0x$set >> ($2 - 1)) & 1)) && return
    done < <(sed -n '/^S[ih][gd]Pnd:/p' "/proc/$1/status" 2>/dev/null)
    return 1
}
in_flight_is_freed() {
    equal 'opened by nobody' 0 "$(dmfuse info -c --noheadings -o open d)"
    # Its removal would wait for what is in flight.
    prints '' soon "$DMFUSE" remove d
}

# MARK: What the kernel interrupts

# Ctrl-C: dd handles SIGINT, and ends when its call comes back.
for how in read write cached-write; do
    fresh
    dmfuse suspend d
    case $how in
        read) start_dd if="$(device d)" of=read bs=4k count=1 iflag=direct ;;
        write) start_dd if=image of="$(device d)" bs=4k count=1 oflag=direct conv=notrunc ;;
        cached-write) start_dd if=image of="$(device d)" bs=4k count=1 conv=notrunc ;;
    esac
    process=$!
    eventually "dd is held: $how" eval 'is_held $process 0 || is_held $process 1'
    kill -INT "$process"
    ends_with 130 "$process"
    in_flight_is_freed
    zeros 'the write was not done' a 0 8
done

# A process that handles it sees EINTR, with SA_RESTART too: the file system can't tell them apart.
for how in read write cached-write fsync; do
    for restart in '' restart; do
        fresh
        dmfuse suspend d
        start_call "$how" "$(device d)" "$sigint" ${restart:+restart}
        process=$!
        eventually "it is held: $how" is_held "$process" 3
        kill -INT "$process"
        ends_with 0 "$process"
        prints 'EINTR 1' cat said
        in_flight_is_freed
    done
done

# One that dies of it is gone at once, by any signal.
for signal in INT TERM KILL ALRM; do
    fresh
    dmfuse suspend d
    start env --default-signal=INT "$helpers/signalled" read "$(device d)"
    process=$!
    eventually 'it is held' is_held "$process" 3
    kill "-$signal" "$process"
    ends_with $((128 + $(kill -l "$signal"))) "$process"
    in_flight_is_freed
done

# A signal that asks nobody to end leaves the call where it is, as a block device does.
for how in read cached-write; do
    fresh
    dmfuse suspend d
    start_call "$how" "$(device d)" "$sigusr1"
    process=$!
    eventually "it is held: $how" is_held "$process" 3
    kill -USR1 "$process"
    eventually 'the signal waits' is_pending "$process" "$sigusr1"
    still_run "$process"
    dmfuse resume d
    ends_with 0 "$process"
    prints '4096 1' cat said
    dmfuse remove d
done

# A device goes on without those who gave up, and with those who didn't.
fresh
dmfuse suspend d
start_call read "$(device d)" "$sigint"
gives_up=$!
start dd if=image of="$(device d)" bs=4k seek=8 count=1 oflag=direct conv=notrunc status=none
stays=$!
eventually 'both are held' eval 'is_held $gives_up 3 && is_held $stays 1'
kill -INT "$gives_up"
ends_with 0 "$gives_up"
still_run "$stays"
dmfuse resume d
ends_with 0 "$stays"
same 'the write that stayed' image <(sectors a 64 8)
dmfuse remove d

# What is opened while a direct write is held doesn't wait for it, and its reads are past the page cache.
fresh
dmfuse suspend d
start "$helpers/signalled" write "$(device d)"
ahead=$!
eventually 'a direct write is held' is_held "$ahead" 3
start_call open "$(device d)"
opener=$!
ends_with 0 "$opener"
start_call cached-read "$(device d)" "$sigint"
reader=$!
eventually 'a read behind it is held' is_held "$reader" 3
kill -INT "$reader"
ends_with 0 "$reader"
prints 'EINTR 1' cat said
still_run "$ahead"
dmfuse resume d
ends_with 0 "$ahead"
dmfuse remove d

# MARK: The limits of Linux

# A cached reader that is killed goes; the request it left doesn't disturb anybody.
fresh
dmfuse suspend d
start_call cached-read "$(device d)"
process=$!
eventually 'it is held' is_held "$process" 3
kill "$process"
ends_with 143 "$process"
dmfuse resume d
same 'read again' <(sectors a 0 8) <(sectors "$(device d)" 0 8)
dmfuse remove d

# CASE: starts who can't be interrupted, in `waiting`; what goes before is in `ahead`.
begin() {
    local first=
    ahead='' waiting=''
    case $1 in
        *-behind-cached-write) first=cached-write ;;
    esac
    if [ "$1" = sync ]; then
        rm -f go
        start_call sync "$(device d)" "$sigint"
        waiting=$!
        eventually 'the page is written' grep -q written said
        # Else the suspend would write the page back first.
        dmfuse suspend --nolockfs d
        touch go
    else
        dmfuse suspend d
        if [ -n "$first" ]; then
            start "$helpers/signalled" "$first" "$(device d)"
            ahead=$!
            eventually "$first is held" is_held "$ahead" 3
        fi
        start_call "${1%%-behind-*}" "$(device d)" "$sigint"
        waiting=$!
    fi
    if [ "$1" = async ]; then
        eventually "it is held: $1" is_held "$waiting" 3
    else
        eventually "it is held: $1" is_uninterruptible "$waiting"
    fi
}
# As `is_held`, but not while it waits for us.
is_uninterruptible() { grep -q '^State:.D' "/proc/$1/status" 2>/dev/null; }

cases=(cached-read map async sync cached-write-behind-cached-write write-behind-cached-write
    seek-behind-cached-write fsync-behind-cached-write
    allocate-behind-cached-write)
for end in resume 'remove --force' 'unmount --force'; do
    for case in "${cases[@]}"; do
        fresh
        begin "$case"
        kill -INT "$waiting"
        if [ "$case" = async ]; then
            # Its wait for the end is interrupted, but the kernel doesn't let go of the memory.
            eventually "it can't end: $case" is_uninterruptible "$waiting"
        else
            eventually 'the signal waits' is_pending "$waiting" "$sigint"
        fi
        still_run "$waiting"
        case $end in
            resume)
                kill -KILL "$waiting"
                prints '' soon "$DMFUSE" resume d
                ;;
            # Who has the device open keeps it from being removed, but held by it is nobody.
            remove*) soon "$DMFUSE" remove --force d >removed 2>&1 || true ;;
            unmount*)
                prints '' soon "$DMFUSE" unmount --force "$mnt"
                ends_with 0 "$daemon"
                ;;
        esac
        for process in $waiting $ahead; do
            eventually "$case ends by $end" has_ended "$process"
            wait "$process" || true
        done
        case $end,$case in
            resume,*) ;;
            # Its error is told by fsync.
            remove*,cached-write-behind-*) equal "$case, at its end by $end" '4096 1' "$(tail -n 1 said)" ;;
            *,cached-read | *,sync | *write-behind-cached-write)
                equal "$case, at its end by $end" 'EIO 1' "$(tail -n 1 said)"
                ;;
        esac
        case $end in
            resume) prints '' dmfuse remove d ;;
            remove*) if dmfuse info d >/dev/null 2>&1; then prints '' dmfuse remove d; fi ;;
        esac
    done
done
! is_mounted "$mnt" || fail 'a mount is left'
