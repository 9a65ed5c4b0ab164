# blktests' dm group, on a loop device.

blktests_build() {
    install_programs make:make gcc:gcc g++:g++ fio:fio gawk:gawk
    make
}
blktests_list() {
    local file
    for file in tests/dm/[0-9][0-9][0-9]; do echo "${file#tests/}"; done
}
blktests_run() {
    local disk
    disk=$(attach_new disk 256M)
    printf 'TEST_DEVS=(%s)\n' "$disk" >"$directory/config"
    on_mount ./check -c "$directory/config" -o "$directory/results" "$1" | tee "$directory/checked"
    blktests_judge
}
# Its last word on the script. It ends with 0 also when it left it out.
blktests_judge() {
    if grep -q '\[failed\]' "$directory/checked"; then return 1; fi
    if grep -q '\[passed\]' "$directory/checked"; then return 0; fi
    sed -n '/\[not run\]/,$p' "$directory/checked" | tail -n 1 | sed 's/^ *//'
    return 77
}
