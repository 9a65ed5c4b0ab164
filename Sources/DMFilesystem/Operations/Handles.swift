import DeviceMapper

/// Open files or directories by the plain numbers that the kernel gives back with each request.
///
/// Numbers are not used twice, and have 63 bits. A lookup costs a read lock and an array access.
final class Handles<File: AnyObject & Sendable>: @unchecked Sendable {
    // @unchecked: `slots` and `free` are guarded by `lock`.
    private struct Slot {
        /// How often the slot was given out; the number's upper half.
        var turn: UInt32
        var file: File?
    }

    private let lock = RWLock(rank: .leaf, name: "Handles.lock")
    private var slots: [Slot] = []
    private var free: [UInt32] = []
    /// The turn of slots before they were given out.
    private var firstTurn: UInt32 = 0
    /// Slots beyond these aren't kept when all are free.
    private static var kept: Int { 1024 }

    func insert(_ file: File) -> UInt64 {
        lock.withWriteLock {
            let index: UInt32
            if let last = free.popLast() {
                index = last
            } else {
                index = UInt32(slots.count)
                slots.append(Slot(turn: firstTurn, file: nil))
            }
            // Never 0: no file has that number.
            slots[Int(index)].turn = max(1, (slots[Int(index)].turn + 1) & 0x7fff_ffff)
            slots[Int(index)].file = file
            return UInt64(slots[Int(index)].turn) << 32 | UInt64(index)
        }
    }

    /// Nil: no such number, or not any more.
    func file(_ number: UInt64) -> File? {
        lock.withReadLock { slot(number).flatMap { slots[$0].file } }
    }

    func remove(_ number: UInt64) -> File? {
        lock.withWriteLock {
            guard let index = slot(number), let file = slots[index].file else { return nil }
            slots[index].file = nil
            free.append(UInt32(index))
            if free.count == slots.count, slots.count > Handles.kept { forgetSlots() }
            return file
        }
    }

    func removeAll() -> [File] {
        lock.withWriteLock {
            let files = slots.compactMap(\.file)
            slots = []
            free = []
            return files
        }
    }

    /// Under `lock`, when all are free. No number is used twice after it, either.
    private func forgetSlots() {
        firstTurn = slots.reduce(firstTurn) { max($0, $1.turn) }
        slots = []
        free = []
    }

    private func slot(_ number: UInt64) -> Int? {
        let index = Int(number & 0xffff_ffff)
        guard index < slots.count, slots[index].turn == UInt32(number >> 32) else { return nil }
        return index
    }
}
