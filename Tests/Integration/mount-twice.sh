#!/usr/bin/env bash
# Of two mounts on one directory at once one wins: the other is refused, and takes nothing away. What was
# looked at is what is mounted on.
. "$(dirname "$0")/lib.sh"
can_mount
mkdir here
readonly refusal="dmfuse: mount $PWD/here: Device or resource busy: a dmfuse daemon serves it already"
export DM_DEV_DIR=$PWD/here
# Both return; one mount serves.
one_wins() {
    local one two said
    start "$DMFUSE" mount here 2>said-1
    one=$!
    start "$DMFUSE" mount here 2>said-2
    two=$!
    local lost=0
    wait "$one" || lost=$((lost + 1))
    wait "$two" || lost=$((lost + 2))
    said=$(cat said-1 said-2)
    case $lost in
        1 | 2) equal 'what the other said' "$refusal" "$said" ;;
        *) fail "not one of two was refused: $lost" "$said" ;;
    esac
    equal 'mounts there' 1 "$(mounts_below "$PWD/here" | wc -l)"
    prints '' dmfuse create d --table '0 8 zero'
    daemon=$(basename "$(readlink here/mapper/control)" .control)
}
for _ in 1 2 3 4 5 6 7 8; do
    one_wins
    prints '' dmfuse unmount here
    equal 'mounts there' 0 "$(mounts_below "$PWD/here" | wc -l)"
done
# Each finds a dead one there.
"$DMFUSE" mount here
daemon=$(basename "$(readlink here/mapper/control)" .control)
for _ in 1 2 3 4; do
    kill -9 "$daemon"
    eventually 'it is gone' has_ended "$daemon"
    one_wins
done
prints '' dmfuse unmount here

is_root || exit 0
need_helper preload-mount
need_command setpriv

# The directory's owner puts a link in its place.
mkdir -p theirs/dir victim
start env LD_PRELOAD="$helpers/preload-mount" BEFORE_MOUNT="mv $PWD/theirs/dir $PWD/theirs/moved && ln -s $PWD/victim $PWD/theirs/dir" \
    "$DMFUSE" mount --foreground theirs/dir
daemon=$!
eventually 'it is mounted' is_mounted "$PWD/theirs/moved"
equal 'mounts where the link leads' '' "$(mounts_below "$PWD/victim")"
kill -TERM "$daemon"
ends_with 0 "$daemon"
equal 'mounts there' '' "$(mounts_below "$PWD/theirs")"

# Another user is faster, who waits for nobody of ours.
can_use_fusermount
chmod 755 .
mkdir shared
chown 65534:65534 shared
# In a runtime directory of their own.
someone=(setpriv --reuid=65534 --regid=65534 --clear-groups env -u DMFUSE_RUNTIME_DIR -u XDG_RUNTIME_DIR)
someone() { "${someone[@]}" "$@"; }
refuses "dmfuse: mount $PWD/shared: Device or resource busy: a dmfuse daemon serves it already" \
    env LD_PRELOAD="$helpers/preload-mount" \
    BEFORE_MOUNT="${someone[*]} $DMFUSE mount $PWD/shared" \
    "$DMFUSE" mount shared
equal 'mounts there' 1 "$(mounts_below "$PWD/shared" | wc -l)"
prints 'No devices found' someone "$DMFUSE" ls --dir "$PWD/shared"
prints '' someone "$DMFUSE" unmount "$PWD/shared"
