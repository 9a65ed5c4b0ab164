import SystemPackage

/// A device's map: its targets in order, and the lower devices that they use.
///
/// Immutable once built. It holds its mapped device from its creation until it is destroyed, so
/// that no device is freed before its tables. `destroy` is explicit, when no request is in flight
/// in it, and never under dm_sem: closing a lower device takes that lock.
final class Table: @unchecked Sendable {
    // @unchecked: immutable but for `device`, dropped by the one `destroy`, and `takesDiscards`,
    // set before the table is live.

    let size: Sectors
    let isReadOnly: Bool
    /// Distinct lower devices, newest first, as `deps` lists them.
    let lowerDevices: [LowerDevice]
    private var device: MappedDevice?
    let lifecycle: Lifecycle
    /// The targets, each retained once, and the last byte of each: raw memory, so that a lookup
    /// counts no reference.
    private let targets: UnsafeMutablePointer<Unmanaged<Target>>
    private let lastBytes: UnsafeMutablePointer<UInt64>
    let targetCount: Int
    /// Targets that map flushes themselves, and the lower devices that none of these flushes.
    let flushTargets: [Target]
    let flushedDirectly: [LowerDevice]
    private let suspendTargets: [Target]
    /// As measured when it went live.
    var takesDiscards = false

    /// What `TableBuilder` made.
    init(
        device: MappedDevice, targets list: [Target], lowerDevices: [LowerDevice], isReadOnly: Bool
    ) {
        self.device = device
        lifecycle = device.disk.lifecycle.ofNewTable()
        self.lowerDevices = lowerDevices
        self.isReadOnly = isReadOnly
        targetCount = list.count
        targets = .allocate(capacity: list.count)
        lastBytes = .allocate(capacity: list.count)
        var previousEnd: UInt64 = 0
        for (index, target) in list.enumerated() {
            precondition(
                target.begin == previousEnd && target.end > target.begin, "table has a gap")
            previousEnd = target.end
            (targets + index).initialize(to: Unmanaged.passRetained(target))
            (lastBytes + index).initialize(to: target.end - 1)
        }
        size = Sectors(wholeIn: previousEnd)
        let flushTargets = list.filter { $0.flushedDevice != nil }
        let covered = Set(flushTargets.compactMap(\.flushedDevice).map(ObjectIdentifier.init))
        self.flushTargets = flushTargets
        flushedDirectly = lowerDevices.filter { !covered.contains(ObjectIdentifier($0)) }
        suspendTargets = list.filter(\.noticesSuspend)
        lifecycle.note(.tableAllocated)
    }

    deinit {
        precondition(device == nil, "a table was dropped without being destroyed")
        for index in 0..<targetCount { targets[index].release() }
        targets.deallocate()
        lastBytes.deallocate()
        IdleMemory.shared.note()
        lifecycle.note(.tableReleased)
    }

    /// Closes the lower devices and lets go of the mapped device. Once, with no request in flight
    /// here, no lock held that ranks with dm_sem or inside it.
    func destroy() {
        precondition(device != nil, "a table was destroyed twice")
        for lower in lowerDevices { lower.close() }
        #if DEBUG
            HeldRanks.willSleep("a table is destroyed")
        #endif
        // Before the device is let go of, which may be freed by that.
        lifecycle.note(.tableFreed)
        device = nil
    }

    /// The index of the target of byte `offset`, which lies in the table: a binary search, so a
    /// table of 2^20 lines takes 20 steps.
    private func index(of offset: UInt64) -> Int {
        var low = 0
        var high = targetCount - 1
        while low < high {
            let middle = (low + high) / 2
            if lastBytes[middle] < offset { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func withTarget<Result>(of offset: UInt64, _ body: (Target) -> Result) -> Result {
        targets[index(of: offset)]._withUnsafeGuaranteedRef(body)
    }

    func forEachTarget(_ body: (Target) -> Void) {
        for index in 0..<targetCount { targets[index]._withUnsafeGuaranteedRef(body) }
    }

    /// Why a change may not go through it; nil: it may. Openers were refused with an errno of their
    /// own already: such a request comes from a device above.
    func refusal(of operation: IOOperation) -> Errno? {
        if isReadOnly { return .ioError }
        return operation == .discard && !takesDiscards ? .notSupported : nil
    }

    func willSuspend() { for target in suspendTargets { target.willSuspend() } }
    func didResume() { for target in suspendTargets { target.didResume() } }

    func statusLines(_ kind: StatusKind) -> [StatusLine] {
        var lines: [StatusLine] = []
        lines.reserveCapacity(targetCount)
        forEachTarget { target in
            lines.append(
                StatusLine(
                    start: target.begin / Sectors.size,
                    length: (target.end - target.begin) / Sectors.size,
                    targetType: target.type.name, text: target.status(kind)))
        }
        return lines
    }
}
