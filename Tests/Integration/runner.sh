#!/usr/bin/env bash
# The runner itself, with tests of its own: what each is counted as, what is shown of it, and the exit
# status. A test that hangs is ended, and nothing that a test leaves outlives it.
# Takes: long
scripts=$(cd "$(dirname "$0")/../../scripts" && pwd)
. "$(dirname "$0")/lib.sh"
c_compiler >/dev/null

# A project of nothing but that. What isn't looked at here isn't installed, and not built.
mkdir -p project/Tests/Integration project/product/dmfuse-run
cp -r "$scripts/test" "$scripts/test.d" "$scripts/lib.sh" project/
mkdir project/scripts && mv project/test project/test.d project/lib.sh project/scripts/
cd project
mkdir -p .build-release scripts/bench.d Tests/Conformance
printf '%s\n' 'install_missing() { :; }' 'install_for_tests() { :; }' >>scripts/lib.sh
: >scripts/bench
: >product/libdmfuse-preload.so
: >product/dmfuse
printf '#!/bin/sh\necho "%s"\n' "$PWD/product/dmfuse" >scripts/build
chmod +x scripts/build product/dmfuse
echo 'int main(void) { return 0; }' >Tests/Integration/helper.c
sed -i 's/^readonly integration_seconds=[0-9]*/readonly integration_seconds=20/' scripts/test.d/integration.sh
grep -q '^readonly integration_seconds=20 ' scripts/test.d/integration.sh || fail 'its bound is elsewhere'

# NAME LINE...: a test of the project.
a_test() { printf '%s\n' '#!/usr/bin/env bash' '# As: user' "${@:2}" >"Tests/Integration/$1.sh"; }
a_test lib
a_test good-one 'echo one >>"$NOTES"' '[ -x "${DMFUSE%/*}/helper" ]'
a_test good-two 'cd "$HOME"'
a_test bad 'echo "this is wrong"' 'exit 3'
a_test says-nothing 'exit 3'
a_test left-out 'echo "it needs what is not here"' 'exit 77'
# It leaves another behind, which would hang as long.
a_test hangs 'mkfifo never' 'bash -c "trap \"\" TERM; read -r _ <>never" &' 'echo $! >&2' 'read -r _ <>never'

# STATUS LAST WORD...: what a run of the runner ends with, which says what it is about.
runs() {
    local wanted=$1 last=$2 status=0
    shift 2
    soon scripts/test "$@" >said 2>&1 </dev/null || status=$?
    [ "$status" -eq "$wanted" ] || fail "the runner ended with $status, not $wanted" "$(<said)"
    equal 'its last line' "$last" "$(tail -n 1 said)"
}
# PATTERN: a line is so.
has_line() { grep -qE "^$1\$" said || fail "there is no line '$1'" "$(<said)"; }

runs 0 '2 passed, 0 failed, 0 skipped' good
has_line 'pass  good-one \(user\) [0-9.]+ s'
has_line '      one'
has_line 'pass  good-two \(user\) [0-9.]+ s'
runs 0 '0 passed, 0 failed, 1 skipped' left-out
has_line 'skip  left-out \(user\): it needs what is not here'
runs 1 '2 passed, 3 failed, 1 skipped' integration
has_line 'FAIL  bad \(user\) [0-9.]+ s'
has_line '      \| this is wrong'
has_line 'FAIL  says-nothing \(user\) [0-9.]+ s'
has_line '      \| It ended with status 3, and said nothing\.'
has_line 'FAIL  hangs \(user\) [0-9.]+ s'
has_line '      \| No end within 20 s\.'
left=$(sed -n 's/^      | \([0-9][0-9]*\)$/\1/p' said)
eventually 'what a test left is gone' has_ended "$left"

# What can't be made fails, and isn't passed over.
echo 'int main(void) { return none; }' >Tests/Integration/helper.c
runs 1 '0 passed, 1 failed, 0 skipped' good
has_line 'FAIL  integration: helpers'
printf '#!/bin/sh\necho "error: no product" >&2\nexit 1\n' >scripts/build
runs 1 '0 passed, 1 failed, 0 skipped' good
has_line '      \| error: no product'

# Its words.
runs 2 'test: unknown option --none; see scripts/test --help' --none
soon scripts/test --help >said
grep -q '^Runs the checks' said || fail '--help' "$(<said)"

# What all tests wait with: a process may end at that very moment.
for try in {1..300}; do
    start sleep "0.00$((try % 3))"
    until has_ended $!; do :; done
done
