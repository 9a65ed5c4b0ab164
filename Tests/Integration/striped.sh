#!/usr/bin/env bash
# 256 MiB of random data through a 3-way striped device, chunk 24 sectors, unequal offsets: every
# byte where the formula says, and no other byte written.
. "$(dirname "$0")/lib.sh"
need_helper stripecheck
mount_here

# The smallest length of whole rows of chunks that holds 256 MiB.
row=$((3 * 24))
length=$(((256 * 2048 + row - 1) / row * row))
dd if=/dev/urandom of=image bs=1M count=$((length * 512)) iflag=count_bytes status=none
make_file s0 $((length / 3 + 1000))
make_file s1 $((length / 3 + 1000))
make_file s2 $((length / 3 + 1000))
dmfuse create s --table "0 $length striped 3 24 $PWD/s0 0 $PWD/s1 17 $PWD/s2 999"
dd if=image of="$(device s)" bs=1M conv=notrunc,fsync status=none
"$helpers/stripecheck" image 24 s0 0 s1 17 s2 999 || fail 'a byte is where it should not be'
same 'cached reads' image "$(device s)"
same 'direct reads' image <(dd if="$(device s)" bs=1M iflag=direct status=none)
dmfuse remove s

# Shapes that are not powers of two, down to chunks of a sector, by direct writes of odd sizes.
for shape in '1 16 64' '2 1 32' '2 3 60' '4 8 96' '5 7 70' '3 1000 3000'; do
    read -r count chunk length <<<"$shape"
    table="0 $length striped $count $chunk" files=()
    for ((i = 0; i < count; i++)); do
        rm -f "f$i"
        make_file "f$i" 4096
        table+=" $PWD/f$i $((i * 5 + 3))"
        files+=("f$i" $((i * 5 + 3)))
    done
    make_random image "$length"
    dmfuse create s --table "$table"
    dd if=image of="$(device s)" bs=13b oflag=direct conv=notrunc status=none
    "$helpers/stripecheck" image "$chunk" "${files[@]}" || fail "shape $shape"
    same "shape $shape, read back" image <(dd if="$(device s)" bs=11b iflag=direct status=none)
    dmfuse remove s
done
unmount_here
