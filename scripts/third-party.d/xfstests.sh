# xfstests: what stands on a mapped device there, on ext4 and on xfs. The test and scratch devices are
# loop devices.

xfstests_build() {
    [ ! -x ltp/fsstress ] || return 0
    install_programs make:make gcc:gcc libtoolize:libtool autoconf:autoconf automake:automake bc:bc \
        attr:attr setfacl:acl fio:fio gawk:gawk killall:psmisc setcap:libcap2-bin \
        mkfs.xfs:xfsprogs mke2fs:e2fsprogs xfsdump:xfsdump
    local packages=() header
    for header in xfs/xfs.h:xfslibs-dev uuid/uuid.h:uuid-dev attr/attributes.h:libattr1-dev \
        sys/acl.h:libacl1-dev libaio.h:libaio-dev gdbm.h:libgdbm-dev sys/capability.h:libcap-dev; do
        find /usr/include -path "/usr/include/${header%:*}" -o -path "/usr/include/*-gnu/${header%:*}" |
            grep -q . || packages+=("${header#*:}")
    done
    install_packages "${packages[@]}"
    make
}
# Those that source what xfstests has for device-mapper, or ask for a target: TEST@FILE-SYSTEM.
xfstests_list() {
    local kind
    for kind in ext4 xfs; do
        grep -lE '\. \.?/?common/dm|_require_dm_target' tests/generic/[0-9]* "tests/$kind/"[0-9]* |
            sed -n "s|^tests/\(.*/[0-9]*\)\$|\1@$kind|p"
    done
}
xfstests_run() {
    local kind=${1#*@} test scratch
    test=$(attach_new test 2G) scratch=$(attach_new scratch 2G)
    mkdir "$directory/test-mnt" "$directory/scratch-mnt"
    case $kind in
        ext4) mkfs.ext4 -q -F "$test" ;;
        xfs) mkfs.xfs -q -f "$test" ;;
    esac
    printf 'export %s\n' "FSTYP=$kind" "TEST_DEV=$test" "TEST_DIR=$directory/test-mnt" \
        "SCRATCH_DEV=$scratch" "SCRATCH_MNT=$directory/scratch-mnt" \
        "RESULT_BASE=$directory/results" >"$directory/config"
    HOST_OPTIONS=$directory/config on_mount ./check "${1%@*}" | tee "$directory/checked"
    xfstests_judge "${1%@*}"
}
# It ends with 0 also when it left the test out.
xfstests_judge() {
    local why
    why=$(sed -n 's/.*\[not run\] *//p' "$directory/checked" | tail -n 1)
    if grep -q '^Failures:' "$directory/checked"; then
        cat "$directory/results/$1.out.bad" "$directory/results/$1.full" 2>/dev/null || true
        return 1
    fi
    [ -z "$why" ] || { echo "$why" && return 77; }
    grep -q '^Passed all 1 tests' "$directory/checked"
}
