#!/usr/bin/env bash
# A refusal is one line on standard error with the errno's text and the reason in the kernel's words,
# exit status 1, and changes nothing.
# Takes: long
. "$(dirname "$0")/lib.sh"
mount_here
make_file a 1024
make_file b 1024
dmfuse create one -u U1 --table "0 64 linear $PWD/a 0"
dmfuse create two --table "0 64 linear $PWD/a 64"
dmfuse load two --table "0 32 linear $PWD/b 0"
dmfuse create held --table '0 64 zero'
hold_open "$(device held)"
holder=$!
state() { dmfuse info && dmfuse table && dmfuse table --inactive two && ls -lR "$mnt"; }
state >before

cases=0
# EXPECTED COMMAND...; EXPECTED is a pattern for what stands behind "dmfuse: ".
refused() {
    local expected=$1 said status=0
    shift
    said=$("$DMFUSE" "$@" 2>&1 >stdout </dev/null) || status=$?
    equal "status of: $*" 1 "$status"
    [ ! -s stdout ] || fail "printed by: $*" "$(<stdout)"
    # shellcheck disable=SC2053
    [[ $said == "dmfuse: "$expected && $said != *$'\n'* ]] || fail "$*" "expected: dmfuse: $expected" "it said:  $said"
    state >after
    cmp -s before after || fail "changed by: $*" "$(diff before after)"
    cases=$((cases + 1))
}
# ERRNO AND REASON, TABLE: a new device with that table, and the same loaded into one that is there.
bad_table() {
    refused "create t: $1" create t --table "$2"
    refused "load two: $1" load two --table "$2"
}

invalid='Invalid argument'
bad_table "$invalid: *zero-length target" "0 0 linear $PWD/a 0"
bad_table "$invalid: *linear: Gap in table" "1 8 linear $PWD/a 0"
bad_table "$invalid: *linear: Gap in table" "0 8 linear $PWD/a 0
4 8 linear $PWD/a 16"
bad_table "$invalid: *linear: Gap in table" "0 8 linear $PWD/a 0
12 8 linear $PWD/a 16"
bad_table "$invalid: *too large device" "-1 8 linear $PWD/a 0"
bad_table "$invalid: *too large device" "0 -8 linear $PWD/a 0"
bad_table "$invalid: *too large device" "0 18014398509481984 zero"
bad_table "$invalid: *nosuch: unknown target type; 'dmfuse targets' lists those that there are" "0 8 nosuch $PWD/a 0"
bad_table "$invalid: *LINEAR: unknown target type; 'dmfuse targets' lists those that there are" "0 8 LINEAR $PWD/a 0"
bad_table "$invalid: *linear: Invalid argument count" '0 8 linear'
bad_table "$invalid: *linear: Invalid argument count" "0 8 linear $PWD/a 0 0"
for offset in -1 +8 0x8 8x; do
    bad_table "$invalid: *linear: Invalid device sector" "0 8 linear $PWD/a $offset"
done
bad_table "No such device: *linear: Device lookup failed*" '0 8 linear /nosuch 0'
bad_table "No such device or address: *linear: Device lookup failed*" '0 8 linear 7 0'
# Whether the lower device is large enough is looked at when a table first becomes live.
refused "create t: $invalid: *a too small for target: start=1017, len=8, dev_size=1024" \
    create t --table "0 8 linear $PWD/a 1017"
refused "create t: $invalid: *b too small for target*" \
    create t --table "0 2048 striped 2 8 $PWD/a 0 $PWD/b 8"
bad_table "$invalid: *striped: Not enough arguments" "0 8 striped 1"
bad_table "$invalid: *striped: Invalid stripe count" "0 8 striped 0 8 $PWD/a 0"
bad_table "$invalid: *striped: Invalid stripe count" "0 8 striped x 8 $PWD/a 0"
bad_table "$invalid: *striped: Invalid chunk_size" "0 8 striped 1 0 $PWD/a 0"
bad_table "$invalid: *striped: Invalid chunk_size" "0 8 striped 1 8.5 $PWD/a 0"
bad_table "$invalid: *striped: Target length not divisible by number of stripes" "0 8 striped 3 1 $PWD/a 0 $PWD/a 8 $PWD/a 16"
bad_table "$invalid: *striped: Target length not divisible by chunk size" "0 24 striped 2 8 $PWD/a 0 $PWD/b 0"
bad_table "$invalid: *striped: Not enough destinations specified" "0 16 striped 2 8 $PWD/a 0"
bad_table "$invalid: *striped: Not enough destinations specified" "0 16 striped 2 8 $PWD/a 0 $PWD/b 0 $PWD/b 8"
bad_table "$invalid: *striped: Couldn't parse stripe destination*" "0 16 striped 2 8 $PWD/a 0 $PWD/b x"
bad_table "No such device: *striped: Couldn't parse stripe destination*" "0 16 striped 2 8 $PWD/a 0 /nosuch 0"
bad_table 'Invalid format on line 1 of table*' '0 8'
bad_table 'Invalid format on line 2 of table*' '0 8 zero
x y zero'
bad_table 'Target type name abcdefghijklmnop is too long.' '0 8 abcdefghijklmnop'

refused 'create one: Device or resource busy*' create one --table '0 8 zero'
refused 'create t: Device or resource busy*' create t -u U1 --table '0 8 zero'
for name in . .. control; do refused "create $name: $invalid*" create "$name" --table '0 8 zero'; done
refused 'create a/b: *' create a/b --table '0 8 zero'
refused "create *too long*" create "$(printf '%0128d' 0)" --table '0 8 zero'
minor=$(dmfuse info -c --noheadings -o minor one)
refused 'create t: No such device or address*' create t --major 254 --minor "$minor" --table '0 8 zero'
refused 'rename one: Device or resource busy*' rename one two
refused 'rename one: Device or resource busy*' rename one one
refused "rename one: $invalid*" rename one control
refused "rename one: $invalid*already set*" rename one --setuuid U2
refused 'rename two: Device or resource busy*' rename two --setuuid U1
refused 'remove held: Device or resource busy*' remove held
for command in remove suspend resume load clear table status deps; do
    table=()
    [ "$command" != load ] || table=(--table '0 8 zero')
    refused "$command nosuch: No such device or address*" "$command" nosuch "${table[@]}"
done
refused 'rename nosuch: No such device or address*' rename nosuch other
refused "message one: $invalid*" message one 0 hello
refused "*nknown command*" frobnicate
refused "*" create
refused "*" create t --nosuchoption
refused '*' load two --table ''
dmfuse create bare --notable
dmfuse suspend bare
state >before
refused "resume bare: $invalid*" resume bare
note "$cases refusals"
let_go "$holder"
unmount_here
