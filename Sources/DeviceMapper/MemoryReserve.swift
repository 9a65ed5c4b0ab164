import CLinux
import SystemPackage

/// Memory that requests and commands leave for what can't be refused.
///
/// Swift ends the process when it gets no memory for an object, however small. So whatever can grow
/// large or numerous asks here first: bytes of requests, requests beyond those that are pooled,
/// devices, tables, threads for I/O. They are refused (ENOMEM) while less than the reserve is left
/// beside them, and what it takes to say so, to finish what is under way and to remove devices is
/// still there.
package enum MemoryReserve {
    /// Bytes of it that must be new memory, for the threads of clients.
    private static let newSize = Limits.reservedBytes / 4

    /// Whether a block of so many bytes can be had, and the reserve beside it, at this moment. Two
    /// system calls: for what isn't done for each request. What the limit is (RLIMIT_AS, a strict
    /// overcommit) only the system knows.
    package static func allows(_ bytes: Int = 0) -> Bool { has(bytes, inOneBlock: bytes) }

    /// For what stays, devices and tables of so many bytes in all: leaves as much again to requests.
    /// ENOMEM.
    package static func check(_ bytes: Int = 0, for purpose: String) throws(DMError) {
        guard !has(bytes + Limits.reservedBytes, inOneBlock: 0) else { return }
        throw DMError(.noMemory, "no memory is left for \(purpose)")
    }

    private static func has(_ bytes: Int, inOneBlock block: Int) -> Bool {
        let length = bytes + Limits.reservedBytes
        if clinux_can_map(length) != 0 { return true }
        // What was freed is malloc's still, in pieces.
        return clinux_can_map(block + newSize) != 0 && clinux_freed_memory() >= length
    }
}
