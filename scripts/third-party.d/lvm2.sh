# lvm2's test/shell: its own lvm, dmsetup and dmeventd, built from the checkout.

lvm2_build() {
    [ ! -e test/.tests-stamp ] || return 0
    install_programs make:make gcc:gcc g++:g++ pkg-config:pkg-config bc:bc
    local packages=()
    [ -e /usr/include/libaio.h ] || packages+=(libaio-dev)
    [ -e /usr/include/blkid/blkid.h ] || packages+=(libblkid-dev)
    install_packages "${packages[@]}"
    # Whatever modprobe is found on PATH when it runs.
    [ -e config.status ] || ./configure --enable-cmdlib --enable-dmeventd --enable-fsadm \
        --disable-udev_sync ac_cv_path_MODPROBE_CMD=modprobe
    make && make -C test
}
lvm2_list() {
    local file
    for file in test/shell/*.sh; do basename "$file" .sh; done
}
# By its own setting in /dev, which is the script's own here. LVM_TEST_DEVDIR= has it make a device
# directory of its own, with nodes in it.
lvm2_run() {
    local status=0
    mkdir -p /run/lvm
    cd test
    lvm2_pretend_udev
    # lvm ends itself when its log is too long, and tells there of each loop device in /dev.
    LVM_LOG_FILE_MAX_LINES=5000000 LVM_TEST_PREFER_BRD=0 LVM_TEST_DEVDIR=${LVM_TEST_DEVDIR-/dev} \
        LVM_TEST_DIR=$TMPDIR LVM_TEST_FLAVOUR=ndev-vanilla \
        on_mount bash -noprofile -norc "shell/$1.sh" || status=$?
    # What it does at the end may change the status.
    [ "$status" -eq 0 ] || ! grep -qE '^#.*[0-9]\+ skip( |$)|^TEST SKIPPED' "$directory/said" || status=200
    [ "$status" -ne 200 ] || lvm2_skipped
    return "$status"
}
# Where no process is called udev, its `aux udev_wait` fails from the second time on. There is nothing to
# wait for: udevadm isn't here.
lvm2_pretend_udev() {
    ln -s "$(command -v sleep)" "$directory/udevd"
    "$directory/udevd" infinity &
}
# What it says of that, or the command before it gave up: it shows each.
lvm2_skipped() {
    awk '
        /^TEST SKIPPED: */ { sub(/^TEST SKIPPED: */, ""); why = $0 }
        /^#.*[0-9]\+ skip/ { if (why == "" && last != "") why = "after `" last "`" }
        /^#.*[0-9]\+ / { last = $0; sub(/^#[^+]*\+ /, "", last) }
        END { print why == "" ? "it leaves itself out" : why }
    ' "$directory/said"
    exit 77
}
