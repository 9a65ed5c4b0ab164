#!/usr/bin/env bash
# A loop device with direct I/O on a device that fails: each write of it fails, as of a block device past the
# cache, not only the next flush; so a file system on it tells each of its files' openers. Its file is open
# without O_DIRECT where direct I/O is switched on later, as for `mount` under `dmfuse run`.
# As: root
. "$(dirname "$0")/lib.sh"
need_command perl mkfs.ext4
mount_here
make_file a 65536
dmfuse create bad <<TABLE
0 2048 linear $PWD/a 0
2048 8 error
2056 63480 linear $PWD/a 2056
TABLE
direct_loop_here() {
    loop_here "$1" off
    losetup --direct-io=on "$loop"
}
direct_loop_here bad
# BYTE: 4096 bytes there.
writes() { dd if=/dev/zero of="$loop" bs=4k count=1 seek=$(($1 / 4096)) oflag=direct conv=notrunc status=none; }
writes 0
for _ in 1 2 3; do fails_like '*error writing*Input/output error' writes $((2048 * 512)); done
writes $((2056 * 512))
loop_off
dmfuse remove --retry bad

good="0 65536 linear $PWD/a 0"
dmfuse create fs --table "$good"
direct_loop_here fs
quietly mkfs.ext4 -q "$loop"
mkdir there
mount "$loop" there
# Ten openers write a page each, before and after the device fails.
cat >opens.pl <<'PERL'
use IO::Handle;
my @files = map { open(my $file, "+>", $ARGV[0]) or die; $file } 1 .. 10;
sub round {
    for my $i (0 .. $#files) {
        sysseek($files[$i], $i * 4096, 0);
        syswrite($files[$i], "x" x 4096) == 4096 or die "write: $!\n";
    }
    print join(" ", map { $_->sync ? "synced" : "failed" } @files), "\n";
}
round();
system(@ARGV[1 .. $#ARGV]) == 0 or die;
round();
PERL
printf '%s\n' '"$DMFUSE" load fs --table "0 65536 error" && "$DMFUSE" resume fs' >breaks
export DMFUSE
prints "$(printf '%.0ssynced ' {1..9})synced
$(printf '%.0sfailed ' {1..9})failed" perl opens.pl there/file bash breaks
dmfuse load fs --table "$good"
dmfuse resume fs
umount there
loop_off
dmfuse remove --retry fs
unmount_here
