# The recorded transcripts of Linux, replayed. Sourced by scripts/test.d/part.

# Each line of the table counts.
conformance() {
    prepare_integration || return 0
    local status=0 name run waits unexplained
    DMFUSE=$room/bin/dmfuse scripts/conformance >"$room/conformance" 2>&1 </dev/null || status=$?
    if [ "$status" -eq 77 ]; then
        skip "conformance: $(tail -n 1 "$room/conformance")"
        return
    fi
    while read -r name run _ _ waits _ unexplained _; do
        case $run in
            not) skip "conformance: $name: not yet: target $waits is missing" ;;
            debian | own)
                if [ "$unexplained" -eq 0 ]; then
                    pass "conformance: $name ($run)"
                else
                    sed -n "/== $name, $run\$/,/== /p" "$room/conformance" >"$room/said"
                    fail "conformance: $name ($run): $unexplained lines" "$room/said"
                fi
                ;;
        esac
    done < <(grep -E '^[0-9][0-9a-z-]+ +(debian|own|not) ' "$room/conformance")
    # What is no case's own, or kept it from running at all.
    if [ "$status" -ne 0 ] && ! grep -qE '^[0-9][0-9a-z-]+ +(debian|own) .* [1-9][0-9]*$' \
        "$room/conformance"; then
        tail -n 20 "$room/conformance" >"$room/said"
        fail 'conformance' "$room/said"
    fi
}
