#!/usr/bin/env bash
# Called through a link named dmsetup it is dmsetup: her lines to the byte, the reason after them.
. "$(dirname "$0")/lib.sh"
mount_here
make_file a 1024
make_file b 1024
ln -s "$DMFUSE" dmsetup
dmsetup=$PWD/dmsetup
prints 'Library version:   1.02.185 (2022-05-18)
Driver version:    4.47.0' "$dmsetup" version
prints 'No devices found' "$dmsetup" ls
prints '' "$dmsetup" create one --table "0 1024 linear $PWD/a 0"
number=$("$dmsetup" info -c --noheadings -o major,minor one)
prints "Name             Maj Min Stat Open Targ Event  UUID                            
one              ${number%:*}   ${number#*:} L--w    0    1      0                                 " "$dmsetup" info -c
prints "striped          v1.6.0
linear           v1.4.0
error            v1.5.0" eval "'$dmsetup' targets | grep -E '^(error|linear|striped) '"
refuses 'device-mapper: create ioctl on one  failed: Device or resource busy
Command failed.' "$dmsetup" create one --table '0 8 zero'
said=$("$dmsetup" create t --table "0 20 striped 2 8 $PWD/a 0 $PWD/b 0" 2>&1) && fail 'it succeeded'
[[ $said == "device-mapper: reload ioctl on t "*" failed: Invalid argument
Command failed.
"*"striped: Target length not divisible by chunk size" ]] || fail "$said"
refuses 'Device does not exist.
Command failed.' "$dmsetup" info two
hold_open "$(device one)"
refuses 'device-mapper: remove ioctl on one  failed: Device or resource busy
Command failed.' "$dmsetup" remove one
let_go $!
refuses 'Invalid format on line 1 of table .
Command failed.' "$dmsetup" create t --table '0 8'
said=$("$dmsetup" frobnicate 2>&1) && fail 'it succeeded'
[[ $said == $'Unknown command.\nUsage:\n\ndmsetup\n'* ]] || fail "$said"
prints '' "$dmsetup" remove one
unmount_here
