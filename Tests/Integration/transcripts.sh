#!/usr/bin/env bash
# As: user
# What scripts/conformance compares by: numbers of this machine, loop devices with longer numbers, output
# in the background, and targets that aren't there are no difference; everything else is.
suite=$(cd "$(dirname "$0")/../Conformance" && pwd)
. "$(dirname "$0")/lib.sh"
need_command perl

# MARK: Numbers

cat >case <<'END'
x dmsetup create a -j 254 -m 3 --notable
x dmsetup create a --major 254 --minor 3 --notable
x dmsetup create a --major=254 -j254 --notable
x dmsetup create a --table '0 254 linear /dev/loop1 254' --minor 254
END
perl "$suite/localise.pl" 240 10 /scratch <case >localised
cat >wanted <<'END'
x dmsetup create a -j 240 -m 3 --notable
x dmsetup create a --major 240 --minor 3 --notable
x dmsetup create a --major=240 -j240 --notable
x dmsetup create a --table '0 254 linear /dev/loop101 254' --minor 254
END
same 'with the numbers of this machine' wanted localised
same 'and back' case <(perl "$suite/normalise.pl" 240 10 /scratch /mount <localised)

# MARK: What differs

# WANTED [OPTION...]: what is unexplained of the files golden and said, and how many lines are: equal,
# explained, not yet and unexplained.
compares() {
    local wanted=$1
    shift
    prints "$wanted" perl "$suite/compare.pl" --golden golden --said said --run own "$@"
}
cat >golden <<'END'
$ dmsetup ls -o blkdevname
a  (loop1)   (254:0)
= 0
$ dmsetup info -c -o name,blkdevs_used
Name  BlkDevNamesUsed
a     loop1
= 0
END
sed 's/loop1)   (/loop1)  (/; s/^Name  Blk/Name  Blk/; s/^a     loop1/a     loop1  /' golden >said
compares '7 7 0 0 0'
# Only where a loop device is, and only the width.
sed -i 's/254:0/254:1/' said
compares "\$ dmsetup ls -o blkdevname
- a  (loop1)   (254:0)
+ a  (loop1)  (254:1)
7 6 0 0 2"

# In the background: its lines come when they come; others don't.
cat >golden <<'END'
$ dmsetup remove a
in the background
= 0
$ dmsetup info b
one
two
= 0
END
cat >said <<'END'
$ dmsetup remove a
= 0
$ dmsetup info b
two
in the background
one
= 0
END
compares '7 7 0 0 0' --background
[[ $(perl "$suite/compare.pl" --golden golden --said said --run own | tail -n 1) == *' 4' ]] ||
    fail 'without a command in the background the order counts'
sed -i 's/in the background/something else/' said
compares "\$ dmsetup remove a
- in the background
\$ dmsetup info b
+ something else
7 6 0 0 2" --background

# MARK: What isn't there yet

# A device whose target is missing; a function of the case removes it without showing that.
cat >golden <<'END'
$ dmsetup create f --table '0 8 flakey /dev/loop0 0 1 0'
= 0
$ dmsetup table f
0 8 flakey 7:0 0 1 0 0
= 0
$ dmsetup ls
a	(254:0)
f	(254:1)
= 0
$ dmsetup info
Name:              a
State:             ACTIVE

Name:              f
State:             ACTIVE

= 0
$ dmsetup status a
0 8 linear
= 0
$ dmsetup create f --table '0 8 zero'
= 0
$ dmsetup table f
0 8 zero
= 0
END
{
    cat <<'END'
$ dmsetup create f --table '0 8 flakey /dev/loop0 0 1 0'
device-mapper: reload ioctl on f (254:1) failed: Invalid argument
Command failed.
= 1
$ dmsetup table f
Command failed.
= 1
END
    # All else as it was, without it.
    sed '1,/^0 8 flakey/d' golden | sed '1d; /^f\t/d; /^Name: *f$/,/^$/d'
} >said
compares '25 18 0 7 0' --lacking flakey
# Another device is wrong meanwhile, in a command of its own and in a list.
sed 's/^0 8 linear/0 9 linear/; s/^State: .*/State:             SUSPENDED/; s/^a\t.*/a\t(254:7)/' said >wrong
mv wrong said
compares "\$ dmsetup ls
- a	(254:0)
+ a	(254:7)
\$ dmsetup info
- State:             ACTIVE
+ State:             SUSPENDED
\$ dmsetup status a
- 0 8 linear
+ 0 9 linear
25 15 0 7 6" --lacking flakey
# And what has its name later.
sed -i 's/^0 8 zero/0 8 error/; s/^a\t.*/a\t(254:0)/; s/^0 9/0 8/; s/SUSPENDED/ACTIVE/' said
compares "\$ dmsetup table f
- 0 8 zero
+ 0 8 error
25 17 0 7 2" --lacking flakey
# The kernel says that it is gone: then it is missing no more.
cat >golden <<'END'
$ dmsetup create f --table '0 8 flakey /dev/loop0 0 1 0'
= 0
$ dmsetup info f
Device does not exist.
Command failed.
= 1
END
cat >said <<'END'
$ dmsetup create f --table '0 8 flakey /dev/loop0 0 1 0'
Command failed.
= 1
$ dmsetup info f
Name: f
= 0
END
[[ $(perl "$suite/compare.pl" --golden golden --said said --run own --lacking flakey | tail -n 1) == *' 1 5' ]] ||
    fail 'a difference behind a removal is hidden'
