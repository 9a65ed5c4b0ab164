#!/usr/bin/env perl
# Compares a run of a case with what Linux 6.1 answered.
#
#   compare.pl --golden FILE --said FILE --run NAME [--differences FILE]... [--lacking WORD]...
#              [--used FILE]
#
# Both files are lists of steps: "$ COMMAND", its output, "= STATUS", and what the kernel logged,
# "K| LINE". Prints what is unexplained, and at last "LINES EQUAL EXPLAINED NOT-YET UNEXPLAINED":
# LINES are the kernel's; those that differ are explained, not yet or unexplained, and so are lines
# that only we printed.
#
# A file of differences has entries with an empty line between them:
#
#   because: the reason, a sentence
#   run: debian            (only in that run; default: in each)
#   step: REGEX            (only in steps whose command matches; default: all)
#   - REGEX                a whole line that the kernel printed and we don't
#   + REGEX                a whole line that we print and the kernel didn't
#
# Each such line must occur, or it is told as stale: "STALE FILE: LINE". The used ones are written
# to the file of --used, for files that several cases share.
#
# --lacking names what isn't there yet: a target type, or "stats" for @stats messages. Steps that
# need it, and those that come while a device of such a type is missing, count as not yet.
use strict;
use warnings;
use Getopt::Long;

my ($golden, $said, $run, $used, @files, @lacking);
GetOptions(
    'golden=s' => \$golden, 'said=s' => \$said, 'run=s' => \$run, 'used=s' => \$used,
    'differences=s' => \@files, 'lacking=s' => \@lacking,
) or exit 2;
my %lacking = map { $_ => 1 } @lacking;

sub lines_of {
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!\n";
    chomp(my @lines = <$file>);
    return @lines;
}

# Steps: [command, line, ...]; the command of several lines is the first of them joined.
sub steps_of {
    my @steps;
    my $is_open = 0;
    for my $line (lines_of($_[0])) {
        # The guest's clock has its say in the log now and then.
        next if $line =~ /^K\| (clocksource|hrtimer|sched): /;
        if ($is_open) {
            $steps[-1][0] .= "\n$line";
        } elsif ($line =~ /^\$ / or !@steps) {
            push @steps, [$line];
        } else {
            push @{ $steps[-1] }, $line;
            next;
        }
        $is_open = $line =~ /^\$ / || $is_open ? ($steps[-1][0] =~ tr/'//) % 2 : 0;
    }
    return @steps;
}

# What the kernel logs and what we give as the reason, without what stands around both.
sub reason {
    my ($line) = @_;
    return $line unless $line =~ s/^K\| //;
    $line =~ s/^device-mapper: //;
    $line =~ s/^(table|ioctl|core|stats): //;
    $line =~ s/^254:\d+: //;
    $line =~ s/ \(-E[A-Z0-9]+\)$//;
    return "K| $line";
}

# The path that couldn't be looked up, which the kernel doesn't say.
sub without_path {
    my ($line) = @_;
    $line =~ s/^(K\| \w+: (?:Device lookup failed|Couldn't parse stripe destination)) \(.*\)$/$1/;
    return $line;
}

# Our command line says the reason itself, behind "Command failed.": it must be what is logged.
sub fold_reasons {
    my ($step) = @_;
    my ($command, @lines) = @$step;
    my %logged = map { reason($_) => 1 } grep { /^K\| / } @lines;
    my $is_behind = 0;
    my @kept;
    for my $line (@lines) {
        $is_behind = 0 if $line =~ /^= /;
        push @kept, $line unless $is_behind and $logged{"K| $line"};
        $is_behind = 1 if $line eq 'Command failed.';
    }
    return [$command, @kept];
}

# The longest common subsequence: pairs of indices, by the texts that `key` gives.
sub common {
    my ($left, $right) = @_;
    my ($from, $end_left, $end_right) = (0, scalar @$left, scalar @$right);
    my (@head, @tail);
    while ($from < $end_left and $from < $end_right and $left->[$from] eq $right->[$from]) {
        push @head, [$from, $from];
        $from++;
    }
    while ($end_left > $from and $end_right > $from
        and $left->[$end_left - 1] eq $right->[$end_right - 1]) {
        unshift @tail, [--$end_left, --$end_right];
    }
    my @length;
    for my $i (reverse $from .. $end_left) {
        for my $j (reverse $from .. $end_right) {
            $length[$i][$j] =
                $i == $end_left || $j == $end_right ? 0
                : $left->[$i] eq $right->[$j] ? 1 + $length[$i + 1][$j + 1]
                : $length[$i + 1][$j] > $length[$i][$j + 1] ? $length[$i + 1][$j]
                : $length[$i][$j + 1];
        }
    }
    my ($i, $j, @pairs) = ($from, $from);
    while ($i < $end_left and $j < $end_right) {
        if ($left->[$i] eq $right->[$j]) { push @pairs, [$i++, $j++] }
        elsif ($length[$i + 1][$j] >= $length[$i][$j + 1]) { $i++ }
        else { $j++ }
    }
    return (@head, @pairs, @tail);
}

# Calls `both`, `left` or `right` for each element, in order.
sub walk {
    my ($left, $right, $both, $only_left, $only_right) = @_;
    my ($i, $j) = (0, 0);
    for my $pair (common($left, $right), [scalar @$left, scalar @$right]) {
        $only_left->($i++) while $i < $pair->[0];
        $only_right->($j++) while $j < $pair->[1];
        $both->($i++, $j++) if $i < @$left and $j < @$right;
    }
}

# Entries: { because, run, step, file, lines: [ [mark, regex, text, used] ] }
my @entries;
for my $path (@files) {
    next unless -e $path;
    my $entry;
    for (lines_of($path), '') {
        next if /^#/;
        if (/^\s*$/) {
            push @entries, $entry if $entry and (!$entry->{run} or $entry->{run} eq $run);
            undef $entry;
        } elsif (/^(because|run|step): (.*)$/) {
            $entry->{$1} = $2;
            $entry->{file} = $path;
        } elsif (/^([-+]) (.*)$/) {
            push @{ $entry->{lines} }, [$1, qr/^(?:$2)$/, $_, 0];
        } else {
            die "$path: what is this: $_\n";
        }
    }
}

my %count = (lines => 0, equal => 0, explained => 0, notyet => 0, unexplained => 0);

sub explain {
    my ($mark, $command, $line) = @_;
    for my $entry (@entries) {
        next if defined $entry->{step} and $command !~ /$entry->{step}/;
        for my $pattern (@{ $entry->{lines} }) {
            next unless $pattern->[0] eq $mark and $line =~ $pattern->[1];
            $pattern->[3]++;
            return 1;
        }
    }
    return 0;
}

# Names of devices that are missing, since their target is.
my %missing;
# Whether a step of the kernel's waits for something that isn't there yet.
sub is_not_yet {
    my ($step) = @_;
    my ($command, @lines) = @$step;
    my $is = 0;
    $is = 1 if $lacking{stats} and $command =~ /\@stats_/;
    if (%missing) {
        # What is done while a device is missing can't be told from what is done to it.
        $is = 1;
        if ($command =~ /^\$ dmsetup remove (\S+)$/ and grep { $_ eq '= 0' } @lines) {
            delete $missing{$1};
        }
        %missing = () if $command =~ /^\$ dmsetup remove_all$/;
    }
    if ($command =~ /^\$ dmsetup (?:create|load) (\S+) .*?\d+ \d+ ([a-z-]+)/s and $lacking{$2}) {
        $missing{$1} = 1;
        $is = 1;
    }
    return $is;
}

my @golden = steps_of($golden);
my @said = map { fold_reasons($_) } steps_of($said);
my @report;
sub differ {
    my ($mark, $command, $line, $pieces) = @_;
    if (explain($mark, $command, $line)) {
        $count{explained}++;
    } else {
        $count{unexplained}++;
        push @$pieces, "$mark $line";
    }
}
sub compare {
    my ($left, $right) = @_;
    my $command = ($left // $right)->[0];
    my @left = map { reason($_) } $left ? @$left : ();
    my @right = map { without_path(reason($_)) } $right ? @$right : ();
    $count{lines} += @left;
    if ($left and is_not_yet($left)) {
        $count{notyet} += @left;
        return;
    }
    # A line that tells of a target that isn't there.
    my $tells = sub { $_[0] =~ /^([a-z-]+) +v\d/ and $lacking{$1} };
    my @pieces;
    walk(
        \@left, \@right,
        sub { $count{equal}++ },
        sub {
            my $line = $left[$_[0]];
            if ($tells->($line)) { $count{notyet}++ }
            else { differ('-', $command, $line, \@pieces) }
        },
        sub { differ('+', $command, $right[$_[0]], \@pieces) },
    );
    push @report, $command, @pieces if @pieces;
}

walk(
    [map { $_->[0] } @golden], [map { $_->[0] } @said],
    sub { compare($golden[$_[0]], $said[$_[1]]) },
    sub { compare($golden[$_[0]], undef) },
    sub { compare(undef, $said[$_[0]]) },
);

for my $entry (@entries) {
    my $is_shared = $entry->{file} =~ m{/all$};
    for my $pattern (@{ $entry->{lines} }) {
        if ($pattern->[3]) {
            next unless $is_shared and $used;
            open my $file, '>>', $used or die "$used: $!\n";
            print $file "$run $pattern->[2]\n";
        } elsif (!$is_shared and !%missing) {
            $count{unexplained}++;
            push @report, "STALE $entry->{file}: $pattern->[2]";
        }
    }
}
print "$_\n" for @report;
print "$count{lines} $count{equal} $count{explained} $count{notyet} $count{unexplained}\n";
