#!/usr/bin/env perl
# Gives a case the numbers and the paths of this machine; normalise.pl takes them away again.
#
#   localise.pl MAJOR PREFIX DIRECTORY
#
# MAJOR is that of our mapped devices, 254 in the case; loop devices 0 to 9 are PREFIX0 to PREFIX9 here;
# /tmp is DIRECTORY.
use strict;
use warnings;

my ($major, $prefix, $directory) = @ARGV;
while (<STDIN>) {
    next if /^modprobe /;
    s{/dev/loop([0-9\$])}{/dev/loop$prefix$1}g;
    s{/sys/block/loop([0-9])}{/sys/block/loop$prefix$1}g;
    s{\b7:([0-9])\b}{7:$prefix$1}g;
    s{(?<![\w-])(-j *|--major[ =] *)254\b}{$1$major}g;
    s{/tmp\b}{$directory}g;
    print;
}
