import Synchronization

/// A ring of the newest lifecycle events, of fixed size.
///
/// Noting one takes no lock, waits for nobody and allocates nothing: it is done under dm_sem, under
/// map_lock and in destructors, whatever is held there. Sequence numbers are in the order of what
/// happened: of two events of which one came before the other, by a lock or on one thread, the
/// earlier has the lower one.
package final class LifecycleTrace: @unchecked Sendable {
    // @unchecked: all that changes is atomic.

    /// One record. A writer claims it by its `mark`, so that two writers a whole ring apart can't
    /// mix their words.
    private struct Slot: ~Copyable {
        /// 0: empty. `claimed`: being written. Else the record's sequence number, plus 1.
        let mark = Atomic<UInt64>(0)
        /// Event, thread kind and minor.
        let head = Atomic<UInt64>(0)
        let generation = Atomic<UInt64>(0)
        let table = Atomic<UInt64>(0)

        static let claimed = UInt64.max
    }

    /// Records kept by default: 2 MiB.
    package static let defaultCapacity = 1 << 16

    package let capacity: Int
    private let slots: UnsafeMutablePointer<Slot>
    private let next = Atomic<UInt64>(0)
    private let lastTable = Atomic<UInt64>(0)

    /// `capacity`: at least 1.
    package init(capacity: Int = LifecycleTrace.defaultCapacity) {
        precondition(capacity > 0, "a trace without room")
        self.capacity = capacity
        slots = .allocate(capacity: capacity)
        for index in 0..<capacity { (slots + index).initialize(to: Slot()) }
    }

    deinit {
        slots.deinitialize(count: capacity)
        slots.deallocate()
    }

    func newTable() -> UInt64 { lastTable.add(1, ordering: .relaxed).newValue }

    func note(_ event: LifecycleEvent, minor: UInt32, generation: UInt64, table: UInt64) {
        let sequence = next.add(1, ordering: .relaxed).oldValue
        let slot = slots + Int(sequence % UInt64(capacity))
        let old = slot.pointee.mark.load(ordering: .relaxed)
        // Somebody was a whole ring slower than others, or is being overtaken now: this record is
        // lost, and counted, since its slot doesn't say its number.
        guard old != Slot.claimed, old <= sequence,
            slot.pointee.mark.compareExchange(
                expected: old, desired: Slot.claimed, ordering: .acquiring
            ).exchanged
        else { return }
        // A reader that sees one of these words sees the claim, too.
        atomicMemoryFence(ordering: .releasing)
        let head = UInt64(minor) << 32 | UInt64(ThreadKind.current.rawValue) << 8
        slot.pointee.head.store(head | UInt64(event.rawValue), ordering: .relaxed)
        slot.pointee.generation.store(generation, ordering: .relaxed)
        slot.pointee.table.store(table, ordering: .relaxed)
        slot.pointee.mark.store(sequence + 1, ordering: .releasing)
    }

    /// What the ring holds, oldest first, and how many records were noted that it holds no more (or
    /// not yet: of events that are just being noted).
    package func snapshot() -> (records: [LifecycleRecord], dropped: UInt64) {
        let end = next.load(ordering: .acquiring)
        let begin = end > UInt64(capacity) ? end - UInt64(capacity) : 0
        var records: [LifecycleRecord] = []
        records.reserveCapacity(Int(end - begin))
        for sequence in begin..<end {
            if let record = record(sequence) { records.append(record) }
        }
        return (records, end - UInt64(records.count))
    }

    private func record(_ sequence: UInt64) -> LifecycleRecord? {
        let slot = slots + Int(sequence % UInt64(capacity))
        guard slot.pointee.mark.load(ordering: .acquiring) == sequence + 1 else { return nil }
        let head = slot.pointee.head.load(ordering: .relaxed)
        let generation = slot.pointee.generation.load(ordering: .relaxed)
        let table = slot.pointee.table.load(ordering: .relaxed)
        atomicMemoryFence(ordering: .acquiring)
        guard slot.pointee.mark.load(ordering: .relaxed) == sequence + 1,
            let event = LifecycleEvent(rawValue: UInt8(truncatingIfNeeded: head)),
            let thread = ThreadKind(rawValue: UInt8(truncatingIfNeeded: head >> 8))
        else { return nil }
        return LifecycleRecord(
            sequence: sequence, event, minor: UInt32(head >> 32), generation: generation,
            table: table, thread: thread)
    }
}

/// Who a structure is in the trace: each has one, and notes its events through it. Without a trace
/// that is a look at a nil.
struct Lifecycle: Sendable {
    let trace: LifecycleTrace?
    let minor: UInt32
    let generation: UInt64
    /// 0: no table.
    var table: UInt64 = 0

    func note(_ event: LifecycleEvent) {
        trace?.note(event, minor: minor, generation: generation, table: table)
    }

    /// That of a new table of this device.
    func ofNewTable() -> Lifecycle {
        guard let trace else { return self }
        return Lifecycle(
            trace: trace, minor: minor, generation: generation, table: trace.newTable())
    }
}
