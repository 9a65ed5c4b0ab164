# The integration tests: what they need is made once, and they run side by side, each in a place of its
# own (in-place). Sourced by scripts/test.

readonly integration_seconds=900 integration_jobs=4
readonly helpers=.build-release/helpers

# MARK: What they need

# Compiles the tests' C programs, if one of them has changed. One part at a time.
build_helpers() {
    (flock 9 && build_helpers_alone) 9>"$helpers.lock"
}
build_helpers_alone() {
    local compiler source options new=$helpers.new made=$helpers.made
    compiler=$(c_compiler)
    state_of Tests/Integration/*.[ch] scripts/test.d/integration.sh "$compiler" >"$room/state"
    ! is_as_made "$made" "$helpers" "$room/state" || return 0
    rm -rf "$new" && mkdir -p "$new"
    for source in Tests/Integration/*.c; do
        options=(-O2 -Wall -Wextra -Werror -pthread)
        [[ $source != */preload-* ]] || options+=(-shared -fPIC)
        "$compiler" "${options[@]}" -o "$new/$(basename "$source" .c)" "$source" || return
    done
    rm -rf "$helpers" && mv "$new" "$helpers"
    remember_made "$made" "$helpers" "$room/state"
}

# Puts what a test needs where any user can read it, in the project's own layout.
is_prepared=
prepare_integration() {
    [ -z "$is_prepared" ] || return 0
    install_missing
    install_for_tests
    local binary
    binary=$(scripts/build 2>"$room/log") || {
        build_errors "$room/log" >"$room/said"
        fail 'integration: build' "$room/said"
        return 1
    }
    build_helpers >"$room/said" 2>&1 || {
        fail 'integration: helpers' "$room/said"
        return 1
    }
    mkdir -p "$room/bin" "$room/scripts" "$room/Tests"
    cp -r "$helpers"/* "$binary" "${binary%/*}"/{libdmfuse-preload.so,dmfuse-run} "$room/bin/"
    cp -r scripts/lib.sh scripts/bench scripts/bench.d scripts/test scripts/test.d "$room/scripts/"
    cp -r Tests/Integration Tests/Conformance "$room/Tests/"
    chmod -R go+rX "$room/bin" "$room/scripts" "$room/Tests"
    is_prepared=yes
}
# A command that gives what follows a mount namespace of its own, where that can be had.
find_namespace() {
    namespace=shared own_namespace=()
    can_leave_namespace || return 0
    namespace=private own_namespace=(unshare --mount --propagation private)
}

# MARK: One test

# Those that run, by the process; what each is, and since when.
declare -A running=() since=()

# TEST USER: starts it.
start_integration_test() {
    local directory=$room/$2/$1
    mkdir -p "$directory"
    "${own_namespace[@]}" scripts/test.d/in-place "$room/Tests/Integration/$1.sh" \
        "$integration_seconds" "$directory" "$2" "$namespace" "$room/bin/dmfuse" \
        >"$room/$2/$1.place" 2>&1 &
    running[$!]="$1 $2"
    since[$!]=$EPOCHREALTIME
}
# PROCESS STATUS: what came of it, all in one piece.
show_integration_test() {
    local test user directory name took last
    read -r test user <<<"${running[$1]}"
    took=$(seconds_since "${since[$1]}")
    directory=$room/$user/$test name="$test ($user)"
    last=$(tail -n 1 "$directory/said" 2>/dev/null) || true
    cat "$room/$user/$test.place" >>"$directory/said"
    case $2 in
        0) pass "$name $took" "$directory/home/notes" ;;
        77) skip "$name: $last" ;;
        *)
            [ -s "$directory/said" ] || echo "It ended with status $2, and said nothing." >"$directory/said"
            fail "$name $took" "$directory/said"
            ;;
    esac
    rm -rf "$directory"
    unset "running[$1]" "since[$1]"
}
# "TEST USER"...: some at once.
run_integration_tests() {
    local process status
    while [ $# -gt 0 ] || [ ${#running[@]} -gt 0 ]; do
        while [ $# -gt 0 ] && [ ${#running[@]} -lt "$integration_jobs" ]; do
            # shellcheck disable=SC2086
            start_integration_test $1
            shift
        done
        status=0
        wait -n -p process "${!running[@]}" || status=$?
        show_integration_test "$process" "$status"
    done
}
# Ends those that run; each cleans up its place.
end_integration_tests() {
    [ ${#running[@]} -eq 0 ] || kill "${!running[@]}" 2>/dev/null || true
    wait "${!running[@]}" 2>/dev/null || true
}

# MARK: All of them

# TEST...
integration() {
    prepare_integration || return 0
    find_namespace
    local test only queue=() long=() short=()
    # What takes long begins first, so that nothing is left over to wait for at the end.
    for test in "$@"; do
        if grep -q '^# Takes: long$' "Tests/Integration/$test.sh"; then
            long+=("$test")
        else
            short+=("$test")
        fi
    done
    # A test says for which user it makes sense.
    for test in "${long[@]}" "${short[@]}"; do
        only=$(sed -n 's/^# As: //p' "Tests/Integration/$test.sh")
        if [ "$only" != user ]; then
            if [ "$(id -u)" -eq 0 ]; then
                queue+=("$test root")
            elif [ "$only" = root ]; then
                skip "$test (root): not run by root"
            fi
        fi
        if [ "$only" != root ]; then
            if [ "$(id -u)" -ne 0 ] || command -v setpriv >/dev/null; then
                queue+=("$test user")
            else
                skip "$test (user): setpriv is missing"
            fi
        fi
    done
    run_integration_tests "${queue[@]}"
}
