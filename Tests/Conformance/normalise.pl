#!/usr/bin/env perl
# Gives a run's output the numbers and the paths of the recorded transcripts.
#
#   normalise.pl MAJOR PREFIX DIRECTORY MOUNT
#
# MAJOR is that of our mapped devices, which is 254 there; loop devices PREFIX0 to PREFIX9 are 0 to 9
# there; DIRECTORY is /tmp and MOUNT is /dev. The users of files are numbers there. No disk turned there: its
# files were in memory.
use strict;
use warnings;

my ($major, $prefix, $directory, $mount) = @ARGV;
sub shorter {
    my ($word, $is_filled) = @_;
    my $length = length $word;
    $word =~ s/\b(loop|7:)$prefix(\d)\b/$1$2/g;
    return $word . ($is_filled ? ' ' x ($length - length $word) : '');
}
while (<STDIN>) {
    s/\Q$mount\E(?=\/|\b)/\/dev/g;
    s/\Q$directory\E/\/tmp/g;
    # In a column that is filled up, with as many blanks more.
    s/(\S+)(?=(  | $)?)/shorter($1, defined $2)/ge;
    s/\b7, $prefix(\d)\b/7, $1/g;
    # Only where a device number stands: 240 is also a length.
    s/(?<![\w.])$major:(?=\d)/254:/g;
    s/\b$major, (?= *\d)/254, /g;
    s/(?<![\w-])(-j *|--major[ =] *)$major\b/${1}254/g;
    s/^(\S+ +)$major(?= +\d+ +[L-][I-][s-][rw]|$)/${1}254/;
    if (/^([bcdl-][-rwxt]{9} +\d+) ([a-z]\S*) +([a-z]\S*) /) {
        my ($user, $group) = (getpwnam($2) // $2, getgrnam($3) // $3);
        s/^(\S+ +\d+) \S+ +\S+/$1 $user $group/;
    }
    s/^(rotational:)1$/${1}0/;
    print;
}
