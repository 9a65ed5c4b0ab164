#!/usr/bin/env bash
# What `table` prints makes the same device again: backing files have numbers for the life of the
# mount. A number whose file was replaced is refused. --paths prints paths, which work as well.
. "$(dirname "$0")/lib.sh"
mount_here
mkdir 'with blank'
make_random a 64
make_random 'with blank/back\slash' 64
cp a a.old
dmfuse create one <<TABLE
0 32 linear $PWD/a 16
32 16 linear $PWD/with\ blank/back\\\\slash 8
48 8 zero
TABLE
{ sectors a 16 32 && sectors 'with blank/back\slash' 8 16 && head -c 4096 /dev/zero; } >expected
same 'the device' expected "$(device one)"

numbers=$(dmfuse table one)
[[ $numbers =~ ^'0 32 linear '[0-9]+:[0-9]+' 16' ]] || fail "$numbers"
prints "$PWD/a" eval "dmfuse table --paths one | sed -n '1s/0 32 linear \(.*\) 16/\1/p'"
dmfuse table one | dmfuse create two
prints "$numbers" dmfuse table two
same 'made of numbers' expected "$(device two)"
dmfuse table --paths one | dmfuse create three
prints "$numbers" dmfuse table three
same 'made of paths' expected "$(device three)"
dmfuse table --concise one | sed 's/^one,,[0-9]*,/four,,,/' | dmfuse create --concise
prints "$numbers" dmfuse table four

# The numbers stay when no table uses them.
dmfuse remove_all
echo "$numbers" | dmfuse create one
same 'made of numbers that were out of use' expected "$(device one)"

# Another file at that path is not the file that the number means, but its own, with its own number.
mv a a.moved
make_random a 64
prints "$numbers" dmfuse table one
same 'the device keeps its file' expected "$(device one)"
number=$(sed -n '1s/.* \([0-9:]*\) 16/\1/p' <<<"$numbers")
fails_like "dmfuse: create two: No such device: linear: *" dmfuse create two --table "0 8 linear $number 0"
dmfuse create two --table "0 8 linear $PWD/a 0"
same 'the new file' <(sectors a 0 8) "$(device two)"
[[ $(dmfuse table two) != "0 8 linear $number 0" ]] || fail 'two files with one number'
# The old file by its new path has its old number.
dmfuse create three --table "0 8 linear $PWD/a.moved 0"
prints "0 8 linear $number 0" dmfuse table three
# Two paths to one file: one number.
ln a.moved a.hard
ln -s a.moved a.soft
dmfuse create five --table "0 8 linear $PWD/a.hard 0
8 8 linear $PWD/a.soft 8"
prints "0 8 linear $number 0
8 8 linear $number 8" dmfuse table five
prints "1 dependencies	: (${number/:/, })" dmfuse deps five
fails_like 'dmfuse: create six: No such device or address: *' dmfuse create six --table "0 8 linear ${number%:*}:77777 0"
unmount_here
