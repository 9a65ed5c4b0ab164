import Glibc

/// Each backing file and each open connection takes a descriptor, and the default limit is made for
/// programs that use select(2), which we don't.
enum DescriptorLimit {
    /// Raises the limit to what the system lets us have. A lower one is no reason not to start.
    static func raise() {
        var limit = rlimit()
        guard getrlimit(kind, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(kind, &limit)
    }

    private static let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
}
