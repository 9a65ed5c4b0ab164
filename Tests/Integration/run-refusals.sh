#!/usr/bin/env bash
# `dmfuse run`: exit statuses, and what it can't serve it refuses with a sentence.
. "$(dirname "$0")/lib.sh"
mount_here
# STATUS LINE ARGUMENTS...: of `dmfuse run`
ends() {
    local status=0 said
    said=$(dmfuse run "${@:3}" 2>&1 </dev/null) || status=$?
    equal "run ${*:3}: status" "$1" "$status"
    equal "run ${*:3}" "$2" "$said"
}
ends 0 'said' -- echo said
ends 0 'said' echo said
ends 7 '' -- bash -c 'exit 7'
ends 0 '-- a' -- printf '%s %s' -- a
ends 0 $'\xff' -- printf '%s' $'\xff'
ends 137 '' -- bash -c 'kill -9 $$'
ends 127 'dmfuse: run: no-such-command: command not found' -- no-such-command
ends 127 'dmfuse: run: ./no-such: command not found' -- ./no-such
ends 125 'dmfuse: run: a command is missing'
ends 125 'dmfuse: run: a command is missing' --
ends 125 "dmfuse: run: unrecognized option '--frob'" --frob ls
ends 125 "dmfuse: run: $PWD/nowhere: No such file or directory: no dmfuse is mounted there" \
    --dir nowhere ls
: >empty
ends 126 'dmfuse: run: ./empty: Permission denied' -- ./empty

# A program without a dynamic linker: 64 bytes are enough of one. Also behind a script.
{ printf '\177ELF\002\001\001' && head -c 57 /dev/zero; } >static
printf '#!%s/static -x\n' "$PWD" >script
chmod +x static script
line="it is statically linked (as Go's programs are), so it can't be led to the mount"
ends 126 "dmfuse: run: ./static: $line" -- ./static
ends 126 "dmfuse: run: ./script: $line" ./script
if ! is_root; then
    ends 126 "dmfuse: run: fusermount3: it is a setuid program, which the dynamic linker loads \
nothing into for an ordinary user; run it as root" fusermount3 --version
fi
# A library in a directory that can't be named to the dynamic linker, or nowhere.
mkdir 'a b' alone
cp "$DMFUSE" "$helpers/libdmfuse-preload.so" 'a b'
cp "$DMFUSE" alone
said=$('a b/dmfuse' run ls 2>&1) && fail 'it ran'
equal 'a blank' "dmfuse: run: $PWD/a b/libdmfuse-preload.so: a path with a blank or a colon can't be \
preloaded" "$said"
said=$(alone/dmfuse run ls 2>&1) && fail 'it ran'
equal 'no library' "dmfuse: run: libdmfuse-preload.so is neither in $PWD/alone nor in ../lib; \
scripts/build makes it" "$said"
mkdir -p tree/bin tree/lib
cp "$DMFUSE" tree/bin
cp "$helpers/libdmfuse-preload.so" tree/lib
prints 'control' tree/bin/dmfuse run -- ls /dev/mapper
# One inside another has the library once, and may name another mount.
first=$mnt
mkdir other
mount_here
dmfuse create here --table '0 8 zero'
prints 'control
here' dmfuse run --dir "$first" -- "$DMFUSE" run --dir "$mnt" -- ls /dev/mapper
prints '1' dmfuse run -- "$DMFUSE" run -- bash -c 'tr : "\n" <<<"$LD_PRELOAD" | grep -c dmfuse-preload'
# Why swapon is refused goes to standard error, and not into a file that has its number by now.
if command -v python3 >/dev/null; then
    cat >number.py <<'PYTHON'
import ctypes, os, sys
swapon = ctypes.CDLL(None).swapon
swapon(b"/dev/mapper/here", 0)
other = os.open("beside", os.O_RDWR | os.O_CREAT, 0o600)
os.dup2(other, 2)
swapon(b"/dev/mapper/here", 0)
os.close(2)
swapon(b"/dev/mapper/here", 0)
print(os.path.getsize("beside"))
PYTHON
    line='/dev/mapper/here: no swap on it: the daemon that serves it might be swapped out to it itself, and wait for ever'
    prints "dmfuse: $line
0" dmfuse run -- python3 number.py
    prints 0 dmfuse run --reasons reasons -- bash -c 'exec python3 number.py 2>&-'
    prints "$line
$line
$line" cat reasons
else
    note 'the number of standard error left out: python3 is not installed'
fi
# A mount made inside is like any other.
mkdir inside
prints '' dmfuse run -- "$DMFUSE" mount inside
prints '' dmfuse create --dir inside in --table "0 8 linear $mnt/mapper/here 0"
prints '' dmfuse unmount inside
dmfuse remove here
unmount_here
