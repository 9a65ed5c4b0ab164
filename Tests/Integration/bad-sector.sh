#!/usr/bin/env bash
# A write beside a bad sector loses that sector alone, whatever its size is and where it begins, through
# the page cache and past it. Through the cache it is fsync that fails, once for each opener, as of a
# block device; but for what a call ends with, where that is all in the bad sector.
# Takes: long
. "$(dirname "$0")/lib.sh"
need_command perl
mount_here
head -c 65536 /dev/zero | tr '\0' X >new
fresh() {
    [ ! -e a ] || dmfuse remove e
    head -c 65536 /dev/zero | tr '\0' . >a
    dmfuse create e <<TABLE
0 8 linear $PWD/a 0
8 1 error
9 119 linear $PWD/a 9
TABLE
}
# OFFSET LENGTH: one write(2), and what fsync says twice.
says() {
    perl -e '
        use Fcntl; use IO::Handle;
        sysopen(my $file, $ARGV[0], O_RDWR) or die "open: $!\n";
        sysseek($file, $ARGV[1], 0);
        print syswrite($file, "X" x $ARGV[2]) // "$!", "\n";
        print $file->sync ? "synced" : "$!", "\n" for 1, 2;
        ' "$(device e)" "$1" "$2"
}
# The same; then what the file has is compared.
writes() {
    local offset=$1 length=$2
    fresh
    says "$offset" "$length" >said
    perl -e '
        my ($offset, $length) = @ARGV;
        my $wanted = "." x 65536;
        substr($wanted, $offset, $length) = "X" x $length;
        substr($wanted, 4096, 512) = "." x 512;
        print $wanted;
        ' "$offset" "$length" >wanted
    same "$length bytes at $offset" wanted a
}
# OFFSET LENGTH: what write(2) and two times fsync say. What the call ends with lies in the bad sector
# alone: that is told at once, as by the kernel, which can't read the block that it is a part of.
wanted_of() {
    local offset=$1 end=$(($1 + $2))
    if [ "$offset" -ge 4608 ] || [ "$end" -le 4096 ]; then
        printf '%s\nsynced\nsynced' "$2"
    elif [ "$end" -gt 4608 ] || [ "$offset" -eq 0 ]; then
        printf '%s\nInput/output error\nsynced' "$2"
    elif [ "$offset" -lt 4096 ]; then
        printf '%s\nsynced\nsynced' $((4096 - offset))
    else
        printf 'Input/output error\nsynced\nsynced'
    fi
}
# Of root's all, of a user's every fifth.
combination=0 chosen=$((5 / $(tries 5)))
for offset in 0 1 500 512 1000 3584 4000 4096 4100 4607 4608 5000 8192; do
    for length in 1 512 1000 1536 3096 4096 4608 5120 8192 10000 12000; do
        combination=$((combination + 1))
        [ $((combination % chosen)) -eq 0 ] || continue
        writes "$offset" "$length"
        prints "$(wanted_of "$offset" "$length")" cat said
    done
done

# Where all of it is bad, the part of a block with which it ends isn't taken, and fsync tells of the rest.
dmfuse remove e
printf '%s\n' "0 8 linear $PWD/a 0" '8 64 error' "72 56 linear $PWD/a 72" | dmfuse create e
prints $'8192\nInput/output error\nsynced' says 4096 10000
prints $'8192\nInput/output error\nsynced' says 4096 8192
prints $'Input/output error\nsynced\nsynced' says 4096 1000

# By dd, which goes on after it.
fresh
fails_like '*fsync*Input/output error' dd if=new of="$(device e)" bs=1000 conv=notrunc,fsync
same 'before it' <(sectors new 0 8) <(sectors a 0 8)
same 'it' <(head -c 512 /dev/zero | tr '\0' .) <(sectors a 8 1)
same 'behind it' <(sectors new 0 119) <(sectors a 9 119)

# Who didn't write is told, too, once: who has it open, and who opens it while nobody was told.
fresh
exec 3<>"$(device e)"
dd if=new of="$(device e)" bs=5120 count=1 conv=notrunc status=none
fails_like '*fsync*Input/output error' dd if=/dev/null of=/dev/fd/3 conv=notrunc,fsync
dd if=/dev/null of=/dev/fd/3 conv=notrunc,fsync status=none
exec 3>&-
# A device above isn't told of what others wrote through this one's cache: they are.
fresh
dmfuse create upper --table "0 64 linear $(device e) 0"
exec 3<>"$(device upper)"
dd if=new of="$(device e)" bs=5120 count=1 conv=notrunc status=none
dd if=/dev/null of=/dev/fd/3 conv=notrunc,fsync status=none
fails_like '*fsync*Input/output error' dd if=/dev/null of="$(device e)" conv=notrunc,fsync
exec 3>&-
dmfuse remove --retry upper
# What O_SYNC asks for is told by the write.
fails_like '*Input/output error' dd if=new of="$(device e)" bs=5120 count=1 oflag=sync conv=notrunc
# Past the cache it is the write that fails; the rest of it is there.
fresh
fails_like '*error writing*Input/output error' \
    dd if=new of="$(device e)" bs=8192 count=1 oflag=direct conv=notrunc
same 'before it' <(sectors new 0 8) <(sectors a 0 8)
same 'it' <(head -c 512 /dev/zero | tr '\0' .) <(sectors a 8 1)
same 'behind it' <(sectors new 0 7) <(sectors a 9 7)
unmount_here
