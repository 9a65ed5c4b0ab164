import Glibc

/// The memory of a write, shared by count between who received it and what still needs it.
///
/// A receiver looks with `isKnownUniquelyReferenced` after `submit` whether it may reuse it.
package final class Payload: @unchecked Sendable {
    // @unchecked: written by its creator before it is shared, then only read.
    package let memory: UnsafeMutableRawPointer
    package let capacity: Int

    package init(allocating capacity: Int) {
        guard let memory = malloc(max(capacity, 1)) else { fatalError("out of memory") }
        self.memory = memory
        self.capacity = capacity
    }

    /// Takes over memory that malloc(3) gave.
    package init(adopting memory: UnsafeMutableRawPointer, capacity: Int) {
        self.memory = memory
        self.capacity = capacity
    }

    deinit { free(memory) }
}
