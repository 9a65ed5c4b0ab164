#!/usr/bin/env bash
# More clients than there are places, or descriptors, none of which asks anything: whoever comes then
# is served all the same.
. "$(dirname "$0")/lib.sh"
need_command perl
# What a client sends: BEGINNING, then a byte each second for ever.
cat >clients.pl <<'SCRIPT'
use IO::Socket::UNIX;
$SIG{PIPE} = "IGNORE";
my ($path, $count, $kind) = @ARGV;
my $hello = "dmfuse\0\1" . pack("LL", 1, 4000);
my @clients = map { IO::Socket::UNIX->new(Peer => $path) // die "connect: $!" } 1 .. $count;
if ($kind eq "greeted") {
    for my $client (@clients) {
        syswrite $client, "dmfuse\0\1" . pack("LL", 1, 0);
        sysread $client, my $answer, 16;
    }
}
open my $ready, ">", "ready-$$" or die;
close $ready;
for my $second (0 .. 4000) {
    if ($kind eq "slow") { syswrite $_, $second < 16 ? substr($hello, $second, 1) : "/" for @clients }
    sleep 1;
}
SCRIPT
# KIND COUNT: clients of that kind, of half as many in each of two processes, $clients.
begin() {
    local part
    clients=()
    rm -f ready-*
    for part in 1 2; do
        start perl clients.pl "$(readlink "$mnt/mapper/control")" $(($2 / 2)) "$1"
        clients+=($!)
    done
    eventually 'all have connected' eval '[ "$(ls -d ready-* 2>/dev/null | wc -l)" -eq 2 ]'
}
end() {
    local process
    for process in "${clients[@]}"; do let_go "$process"; done
}

# All places are taken by clients that never come to the end of their hello.
mount_here
begin slow 1024
prints 'No devices found' dmfuse ls
dmfuse create d --table '0 8 zero'
end
# And by clients that have said hello and ask nothing: they have to go when they did so for a while.
begin greeted 1024
eventually 'a place is free' eval 'dmfuse ls >/dev/null 2>&1'
dmfuse remove d
end
unmount_here

# No descriptor is left.
(ulimit -n 64 && exec "$DMFUSE" mount "$mnt")
begin slow 100
prints 'No devices found' dmfuse ls
dmfuse create d --table '0 8 zero'
end
dmfuse remove d
prints '' dmfuse unmount "$mnt"
