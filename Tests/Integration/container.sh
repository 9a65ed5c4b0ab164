#!/usr/bin/env bash
# In a container: what docs/containers.md says must be given, and what is said where it isn't. The capabilities
# are those that container engines give by default.
# As: root
. "$(dirname "$0")/lib.sh"
can_mount
need_command setpriv
readonly usual=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap
with_capabilities() { setpriv --bounding-set="$1" --inh-caps=-all "${@:2}"; }
mkdir dm
export DM_DEV_DIR=$PWD/dm
make_random a 64

refuses "dmfuse: mount $PWD/dm: Operation not permitted: it takes CAP_SYS_ADMIN; a container is given it with --cap-add SYS_ADMIN" \
    with_capabilities "$usual" "$DMFUSE" mount dm
equal 'mounts left' '' "$(mounts_below "$PWD")"

with_capabilities "$usual,+sys_admin" "$DMFUSE" mount dm
# A client needs none of them.
with_capabilities "$usual" "$DMFUSE" create d --table "0 64 linear $PWD/a 0"
same 'the device' a dm/mapper/d
with_capabilities "$usual" "$DMFUSE" remove d
with_capabilities "$usual" "$DMFUSE" unmount dm

# Without /dev/fuse, in a mount namespace of its own.
said=$(unshare --mount --propagation private bash -c '
    mkdir bare && touch bare/null && mount --bind /dev/null bare/null && mount --rbind bare /dev &&
        exec "$DMFUSE" mount dm' 2>&1) &&
    fail 'a mount without /dev/fuse' "$said"
equal 'a mount without /dev/fuse' "dmfuse: mount $PWD/dm: No such file or directory: /dev/fuse isn't there; a container is given it with --device /dev/fuse" \
    "$said"
