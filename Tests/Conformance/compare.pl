#!/usr/bin/env perl
# Compares a run of a case with what Linux 6.1 answered.
#
#   compare.pl --golden FILE --said FILE --run NAME [--differences FILE]... [--lacking WORD]...
#              [--used FILE] [--background]
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
# --lacking names what isn't there yet: a target type, or "stats" for @stats messages. What differs in a
# step that needs it counts as not yet, and so does what differs about a device that is missing because
# its target is: in a step whose command names it, or in lines of a list that do. It is missing until
# the kernel's answers say that it is gone, or has another table.
#
# --background: the case has commands in the background. A line that only the kernel printed, and one
# that only we did, are equal if they are the same and at most two steps apart.
use strict;
use warnings;
use Getopt::Long;

my ($golden, $said, $run, $used, $has_background, @files, @lacking);
GetOptions(
    'golden=s' => \$golden, 'said=s' => \$said, 'run=s' => \$run, 'used=s' => \$used,
    'differences=s' => \@files, 'lacking=s' => \@lacking, 'background' => \$has_background,
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

# Names of devices that are missing, since their target is: "device" if it isn't there at all, "table"
# if it has another one.
my %missing;
# Whether a text names one.
sub names_missing {
    my ($text) = @_;
    return grep { $text =~ /(?<![\w.-])\Q$_\E(?![\w.-])/ } keys %missing;
}
# A command of dmsetup: its verb, the first word behind it that is no option, and the types of the
# targets that are in it.
sub parsed {
    my ($command) = @_;
    return unless $command =~ /^\$ (?:timeout \S+ )?dmsetup (\S+)(.*)/s;
    my ($verb, $rest) = ($1, $2);
    my @types = $rest =~ /(?<!\S)['"]?\d+ \d+ ([a-z][a-z-]*)/g;
    my @words = split ' ', $rest;
    while (@words and $words[0] =~ /^-/) {
        my $option = shift @words;
        shift @words if $option =~ /^(?:-[ujm]|--(?:uuid|major|minor|readahead))$/;
    }
    return ($verb, $words[0] // '', @types);
}
# Whether a step of the kernel's waits for something that isn't there yet: what differs in it is no
# difference. Keeps account of what is missing.
sub is_not_yet {
    my ($step) = @_;
    my ($command, @lines) = @$step;
    my ($verb, $name, @types) = parsed($command);
    my $is_done = grep { $_ eq '= 0' } @lines;
    $verb //= '';
    return 1 if $lacking{stats} and $command =~ /\@stats_/;
    if ($verb =~ /^(?:create|load|reload)$/) {
        my $waits = names_missing($command =~ s/\b\Q$verb\E\s.*?\Q$name\E//sr)
            || grep { $lacking{$_} } @types;
        if ($waits) {
            # What is refused was refused for another reason.
            $missing{$name} //= $verb eq 'create' ? 'device' : 'table' if $is_done;
            return 1;
        }
        # One of this name can't be there any more, or gets a table that we have.
        delete $missing{$name} if $is_done and $verb eq 'create' || ($missing{$name} // '') eq 'table';
    }
    my @named = names_missing($command) or return 0;
    # The kernel doesn't have it either.
    my @gone = grep { /Device does not exist|No such device or address/ } @lines;
    if ($verb ne '' and @gone) {
        delete @missing{@named};
        return 0;
    }
    delete $missing{$name} if $verb eq 'remove' and $is_done;
    return 1;
}
# Of what dmsetup or ls listed, the lines that are about a missing device: that begin with its name, as
# a tree's do too, or are in its block.
sub about_missing {
    my ($command, @lines) = @_;
    return map { 0 } @lines unless %missing and $command =~ /^\$ (?:timeout \S+ )?(?:dmsetup|ls)\b/;
    my $names = join '|', map { quotemeta } keys %missing;
    my $is_inside = 0;
    return map {
        $is_inside = 1 if /^Name: +(?:$names)$/;
        $is_inside = 0 if /^= /;
        my $is = $is_inside || /^(?:$names)(?=[:\s]|$)/ || /^\W*(?:$names) \(/ ? 1 : 0;
        # The empty line ends the block, and is of it.
        $is_inside = 0 if $_ eq '';
        $is;
    } @lines;
}

my @golden = steps_of($golden);
my @said = map { fold_reasons($_) } steps_of($said);
# Each a step's command and what differs in it: lines with their marks.
my @report;
# A line that differs. One that waits is not yet; what would explain it isn't stale for that.
sub differ {
    my ($mark, $command, $line, $waits, $pieces) = @_;
    my $is_explained = explain($mark, $command, $line);
    if ($waits) {
        $count{notyet}++ if $mark eq '-';
    } elsif ($is_explained) {
        $count{explained}++;
    } else {
        push @$pieces, [$mark, $line];
    }
}
# A loop device with a longer number makes a column wider.
sub without_width {
    my ($line) = @_;
    return $line =~ s/ {2,}/  /gr =~ s/ +$//r;
}
sub compare {
    my ($left, $right) = @_;
    my $command = ($left // $right)->[0];
    my @left = map { reason($_) } $left ? @$left : ();
    my @right = map { without_path(reason($_)) } $right ? @$right : ();
    $count{lines} += @left;
    my $waits = $left && is_not_yet($left);
    # What is said about a missing device in a list has nothing to be compared with.
    my $drop = sub {
        my @is = about_missing($command, @_);
        return map { $_[$_] } grep { !$is[$_] } 0 .. $#_;
    };
    my $all = @left;
    @left = $drop->(@left);
    @right = $drop->(@right);
    $count{notyet} += $all - @left;
    # A line that tells of a target that isn't there.
    my $tells = sub { $_[0] =~ /^([a-z-]+) +v\d/ and $lacking{$1} };
    my $has_loop = grep { /\bloop\d/ } @left;
    my $key = sub { [map { $has_loop ? without_width($_) : $_ } @_] };
    my @pieces;
    walk(
        $key->(@left), $key->(@right),
        sub { $count{equal}++ },
        sub {
            my $line = $left[$_[0]];
            differ('-', $command, $line, $waits || $tells->($line), \@pieces);
        },
        sub { differ('+', $command, $right[$_[0]], $waits, \@pieces) },
    );
    push @report, [$command, @pieces];
}

walk(
    [map { $_->[0] } @golden], [map { $_->[0] } @said],
    sub { compare($golden[$_[0]], $said[$_[1]]) },
    sub { compare($golden[$_[0]], undef) },
    sub { compare(undef, $said[$_[0]]) },
);

# What was printed in the background.
sub match_background {
    for my $at (0 .. $#report) {
        my ($command, @pieces) = @{ $report[$at] };
        for my $piece (@pieces) {
            next if $piece->[0] ne '-' or $piece->[1] =~ /^(?:\$|=) /;
            for my $near (grep { $_ >= 0 and $_ <= $#report } $at - 2 .. $at + 2) {
                my ($other) = grep { ref and $_->[0] eq '+' and $_->[1] eq $piece->[1] } @{ $report[$near] };
                next unless $other;
                $piece->[0] = $other->[0] = '';
                $count{equal}++;
                last;
            }
        }
    }
}
match_background() if $has_background;

my @told;
for my $step (@report) {
    my ($command, @pieces) = @$step;
    @pieces = grep { $_->[0] ne '' } @pieces;
    next unless @pieces;
    $count{unexplained} += @pieces;
    push @told, $command, map { "$_->[0] $_->[1]" } @pieces;
}

for my $entry (@entries) {
    my $is_shared = $entry->{file} =~ m{/all$};
    for my $pattern (@{ $entry->{lines} }) {
        if ($pattern->[3]) {
            next unless $is_shared and $used;
            open my $file, '>>', $used or die "$used: $!\n";
            print $file "$run $pattern->[2]\n";
        } elsif (!$is_shared) {
            $count{unexplained}++;
            push @told, "STALE $entry->{file}: $pattern->[2]";
        }
    }
}
print "$_\n" for @told;
print "$count{lines} $count{equal} $count{explained} $count{notyet} $count{unexplained}\n";
