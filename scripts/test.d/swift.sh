# The tests that Swift programs are: suites, the fuzzer, the count of instructions. Sourced by
# scripts/test.d/part.

readonly unit_seconds=1200 stress_seconds=1200
# Whole modules at once, and without what only editors and debuggers read: a third less to do than the
# usual debug build, which `swift test` makes.
readonly at_once=(-Xswiftc -whole-module-optimization -Xswiftc -num-threads -Xswiftc 2
    -Xswiftc -index-ignore-system-modules)

# NAME SECONDS ARGUMENTS...: builds and runs tests of the package, and counts each.
swift_tests() {
    local name=$1 seconds=$2 log=$room/log results=$room/results-swift-testing.xml status=0
    local start=$EPOCHREALTIME
    shift 2
    rm -f "$results"
    if ! building_in "$scratch" swift build --build-tests "${build_options[@]}" >"$log" 2>&1 </dev/null; then
        build_errors "$log" >"$room/said"
        fail "$name: build" "$room/said"
        return
    fi
    building_in "$scratch" timeout -k 10 "$seconds" swift test --skip-build "${build_options[@]}" "$@" \
        --xunit-output "$room/results.xml" >"$log" 2>&1 </dev/null || status=$?
    if grep -q 'ThreadSanitizer: unexpected memory mapping' "$log"; then
        skip "$name: ThreadSanitizer can't run with this kernel's memory layout"
        return
    fi
    local ran=0 bad=0 left=0
    if [ -s "$results" ]; then
        read -r ran bad left < <(sed -nE \
            's/.*<testsuite .*tests="([0-9]+)" failures="([0-9]+)" skipped="([0-9]+)".*/\1 \2 \3/p' \
            "$results")
    fi
    passed=$((passed + ran - bad)) skipped=$((skipped + left))
    # Why some were skipped.
    sed -nE 's/^➜ Test .* skipped:? ?"?([^"]*)"?$/\1/p' "$log" | sort | uniq -c |
        sed -E "s/^ *([0-9]+) (.*)/skip  $name: \1 tests: \2/" | say
    if [ "$status" -eq 0 ] && [ "$bad" -eq 0 ] && [ "$ran" -gt 0 ]; then
        printf 'pass  %s: %s tests %s\n' "$name" "$ran" "$(seconds_since "$start")" | say
        return
    fi
    [ "$status" -ne 124 ] || echo "No end within $seconds seconds." >>"$log"
    # Crashes, races and hangs fail no test of their own.
    [ "$bad" -gt 0 ] || bad=1
    failed=$((failed + bad - 1))
    grep -E '^(✘|↳|WARNING: Thread)' "$log" >"$room/said" || true
    if [ "$status" -ne 1 ] || [ ! -s "$room/said" ]; then tail -n 100 "$log" >>"$room/said"; fi
    fail "$name: $bad of $ran tests" "$room/said"
}
unit() {
    install_missing
    scratch=.build-unit build_options=("${at_once[@]}" -Xswiftc -gnone --scratch-path .build-unit)
    swift_tests unit "$unit_seconds" "$@"
}
stress() {
    install_missing
    scratch=.build-tsan build_options=("${at_once[@]}" --sanitize=thread --scratch-path .build-tsan)
    DMFUSE_STRESS_ONLY=yes DMFUSE_STRESS_SECONDS=30 swift_tests stress "$stress_seconds"
}

fuzz() {
    local seed=$((RANDOM * 32768 + RANDOM)) start=$EPOCHREALTIME
    if scripts/fuzz --unoptimized --seconds 60 --seed "$seed" >"$room/said" 2>&1 </dev/null; then
        pass "fuzz: $(tail -n 1 "$room/said") $(seconds_since "$start")"
    else
        fail "fuzz: seed $seed" "$room/said"
    fi
}

instructions() {
    local status=0 start=$EPOCHREALTIME
    scripts/instructions --check >"$room/said" 2>&1 </dev/null || status=$?
    case $status in
        0) pass "instructions: what a request costs $(seconds_since "$start")" ;;
        77) skip "instructions: $(tail -n 1 "$room/said")" ;;
        *) fail 'instructions: what a request costs' "$room/said" ;;
    esac
}
