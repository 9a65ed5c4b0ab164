# multipath-tools: kpartx's own test, with the kpartx of the checkout.

multipath_tools_build() {
    [ ! -x kpartx/kpartx ] || return 0
    install_programs make:make gcc:gcc pkg-config:pkg-config
    local packages=() header
    for header in libdevmapper.h:libdevmapper-dev libudev.h:libudev-dev urcu.h:liburcu-dev \
        libaio.h:libaio-dev libmount/libmount.h:libmount-dev; do
        [ -e "/usr/include/${header%:*}" ] || packages+=("${header#*:}")
    done
    install_packages "${packages[@]}"
    make config.mk && make -C kpartx
}
multipath_tools_list() { echo kpartx/test-kpartx; }
multipath_tools_run() {
    cd "${1%/*}"
    WORKDIR=$TMPDIR on_mount bash "./${1##*/}"
}
