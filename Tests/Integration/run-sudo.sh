#!/usr/bin/env bash
# sudo within `dmfuse run`: it clears the environment, and the command has the mount all the same, or says
# in one line why not. mount(8) for an ordinary user: one line, too.
. "$(dirname "$0")/lib.sh"
need_command dmsetup
need_helper mount-api
mount_here
make_file a 2048
dmfuse create one --table "0 2048 linear $PWD/a 0"
run() { dmfuse run --reasons "$PWD/reasons" -- "$@"; }

# One that does as the real one: shows its words, and starts its command with nothing in the environment.
mkdir bin
cat >bin/sudo <<END
#!/bin/bash
printf '<%s>' "\$@" >$PWD/words
while [[ \${1:-} == -* || \${1:-} == *=* ]]; do
    case \$1 in
        -u | --user | -C) shift 2 ;;
        *) shift ;;
    esac
done
[ \$# -eq 0 ] || exec env -i PATH=$PWD/bin:/usr/sbin:/usr/bin:/sbin:/bin SHELL=/bin/sh \
    DMFUSE_RUNTIME_DIR="${DMFUSE_RUNTIME_DIR-}" "\$@"
END
chmod +x bin/sudo
real=$PATH
PATH=$PWD/bin:$PATH
ours="<$DMFUSE><run><--dir><$mnt><--reasons><$PWD/reasons><--><env>"
# WORDS SUDO'S [COMMAND'S]: what sudo is given.
gives() {
    run bash -c "sudo $1" >said 2>&1 || true
    equal "sudo $1" "$2" "$(<words)"
}
prints one:0 run sudo dmsetup info -c --noheadings -o name,open
prints one:0 run bash -c 'sudo -n dmsetup info -c --noheadings -o name,open'
prints 1048576 run bash -c "sudo sudo blockdev --getsize64 /dev/mapper/one"
gives 'true' "$ours<true>"
gives '-n -u root -- true -u x' "<-n><-u><root><-->$ours<true><-u><x>"
gives '-nuroot --user=x A=b C= true' "<-nuroot><--user=x><A=b><C=>$ours<true>"
gives '-C 3 --preserve-env=A "two words" "" "*"' "<-C><3><--preserve-env=A>$ours<two words><><*>"
gives '-k true' "<-k>$ours<true>"
gives '-s' "<-s>$ours<\$SHELL>"
gives '-i -u root echo 1' "<-i><-u><root>$ours<echo><1>"
for words in -v '-l' '-e file' -K -V '-nv' '-u root -l true' '' --help --list; do
    gives "$words" "$(printf '<%s>' $words)"
done
# The status is the command's, and what isn't there is said.
fails_like "env: *nosuch*" run sudo nosuch
equal 'its status' 3 "$(run sudo bash -c 'exit 3' && echo 0 || echo $?)"
# Without a sudo there is none.
PATH=${real//$(dirname "$(command -v sudo)")/nowhere}
mkdir none
ln -s "$(PATH=$real command -v bash)" none/bash
equal 'no sudo' none "$(PATH=$PWD/none run bash -c 'command -v sudo || echo none')"

PATH=$real
if is_root; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        prints one:0 run sudo dmsetup info -c --noheadings -o name,open
        prints one:0 run sudo -n -u root -- dmsetup info -c --noheadings -o name,open
        prints 1048576 run sudo A=b bash -c 'blockdev --getsize64 /dev/mapper/one'
        prints 1048576 run bash -c "echo 'blockdev --getsize64 /dev/mapper/one' | sudo -s"
        fails_like 'dmfuse: run: *: Permission denied: it belongs to another user*' \
            run sudo -u nobody dmsetup ls
    else
        note "the machine's own sudo left out: it isn't installed, or not usable here"
    fi
else
    refuses "dmfuse: mount: /dev/mapper/one: only root can mount it. Without root: fuse2fs -o fakeroot \
/dev/mapper/one DIRECTORY, or docs/howto.md" run mount /dev/mapper/one bin
    fails_like 'dmfuse: /dev/mapper/one: only root can mount it. Without root: *' \
        run "$helpers/mount-api" -m ext4 /dev/mapper/one bin
    run mount >said || fail 'mount without a word'
    grep -q " $mnt " said || fail 'what is mounted' "$(<said)"
fi
unmount_here
