# The machine a run was made on and how, and what else runs there. Sourced by scripts/bench.

# Prints it in lines of Markdown.
describe_machine() {
    local model memory user='an ordinary user'
    model=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
    memory=$(awk '/^MemTotal:/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)
    [ "$(id -u)" -ne 0 ] || user=root
    cat <<END
- $(nproc) CPUs${model:+ ($model)}, $memory of memory, Linux $(uname -r)
- libfuse $(fusermount3 --version | sed 's/.*: //'), $(fio --version | tr - ' '),
  $(qemu-storage-daemon --version | sed -n '1{s/ version//;s/ (.*//;p}'), $(nbdkit --version),
  $(nbdfuse --version | head -n 1)
- $(date -u +%Y-%m-%d), as $user, load average $(cut -d ' ' -f 1-3 /proc/loadavg) at first
- Trials: $((file_bytes >> 20)) MiB of sequential work, ${fio_milliseconds} ms of random work
END
}

# The share of the CPUs that other programs use, in percent, while nothing of ours works: a number.
busy_share() {
    local before after
    before=$(head -n 1 /proc/stat)
    pause 0.3
    after=$(head -n 1 /proc/stat)
    # user nice system idle iowait irq softirq steal
    printf '%s\n%s\n' "$before" "$after" | awk '
        { idle[NR] = $5 + $6; for (i = 2; i <= 9; i++) all[NR] += $i }
        END {
            total = all[2] - all[1]
            print int(total ? 100 - 100 * (idle[2] - idle[1]) / total : 0)
        }'
}
warn_if_busy() {
    local share
    share=$(busy_share)
    [ "$share" -le 10 ] ||
        echo "The machine is busy: other programs use $share % of it. The numbers will be noisy." >&2
}
