# The peers: each is started on the same backing file, and says by file_of where it can be read and
# written. Sourced by scripts/bench.

declare -A file_of=() # the path of each peer that runs

# Installs what the peers and the measuring need, if it isn't there.
install_peers() {
    install_programs fio:fio qemu-storage-daemon:qemu-system-common nbdkit:nbdkit nbdfuse:libnbd-bin \
        losetup:mount fusermount3:fuse3
}

# PLACE: every peer on one file of that place, and the striped ones on its four parts.
start_peers() {
    open_backing "$1"
    file_of=()
    fill_alike
    start_native
    start_loop
    start_qemu
    start_nbdfuse
    start_split
    start_dmfuse
}
# FILE BYTES [DD-OPERAND...]: a file whose pages are there, and aren't all the same.
fill() {
    dd if=/dev/urandom of="$1" bs=1M count=$(($2 >> 20)) "${@:3}" conv=fsync status=none
}

# The file and its four parts, all at once. One after another they would come to lie in different
# stretches of memory, which alone can make a tenth.
fill_alike() {
    local part fillers=()
    truncate -s "$file_bytes" "$backing/file"
    for part in 0 1 2 3; do
        fill "$backing/part-$part" $((file_bytes / 4)) &
        fillers+=($!)
        fill "$backing/file" $((file_bytes / 4)) seek=$((part * file_bytes / 4 >> 20)) conv=notrunc &
        fillers+=($!)
    done
    for part in "${fillers[@]}"; do wait "$part"; done
}

start_native() { file_of[native]=$backing/file; }

# Only root may attach one. As losetup does it unless told otherwise: through the page cache.
start_loop() {
    [ "$(id -u)" -eq 0 ] || return 0
    # One command, so that no signal comes between attaching it and knowing of it.
    loops=("$(losetup --find --show "$backing/file" 2>>"$room/daemons.log")")
    if [ -n "${loops[0]}" ]; then file_of[loop]=${loops[0]}; else loops=(); fi
}

# Its export is mounted upon a regular file.
start_qemu() {
    : >"$room/qemu"
    start qemu-storage-daemon \
        --blockdev "node-name=file,driver=file,filename=$backing/file" \
        --export "type=fuse,id=file,node-name=file,mountpoint=$room/qemu,writable=on"
    eventually "qemu-storage-daemon exports a file" is_size "$room/qemu" "$file_bytes"
    file_of[qemu]=$room/qemu
}

start_nbdfuse() { start_nbd nbdfuse "$file_bytes" file "$backing/file"; }
start_split() { start_nbd split "$file_bytes" split "$backing"/part-{0,1,2,3}; }
# NAME BYTES PLUGIN ARGUMENT...: nbdkit behind nbdfuse, over a socket, so that nbdfuse opens the four
# connections that it would by itself.
start_nbd() {
    local name=$1 bytes=$2
    shift 2
    mkdir -p "$room/$name"
    rm -f "$room/$name.socket"
    start nbdkit --foreground --unix "$room/$name.socket" "$@"
    eventually "nbdkit listens for $name" test -S "$room/$name.socket"
    start nbdfuse "$room/$name/file" --unix "$room/$name.socket"
    eventually "nbdfuse shows $name" is_size "$room/$name/file" "$bytes"
    file_of[$name]=$room/$name/file
}
is_size() { [ "$(stat -c %s "$1" 2>/dev/null)" = "$2" ]; }

# A linear device over the file, and one striped over the four parts.
start_dmfuse() {
    mount_dmfuse
    local sectors=$((file_bytes / 512)) part stripes=''
    for part in 0 1 2 3; do stripes+=" $backing/part-$part 0"; done
    create_device linear "0 $sectors linear $backing/file 0"
    create_device striped "0 $sectors striped 4 $chunk_sectors$stripes"
}
mount_dmfuse() {
    export DM_DEV_DIR=$room/dm
    mkdir -p "$DM_DEV_DIR"
    start "$binary" mount --foreground "$DM_DEV_DIR"
    eventually "dmfuse answers" dmfuse_answers
}
dmfuse_answers() { is_mounted "$DM_DEV_DIR" && "$binary" ls >/dev/null 2>&1; }
# NAME TABLE
create_device() {
    "$binary" create "$1" --table "$2"
    file_of[$1]=$DM_DEV_DIR/mapper/$1
}
