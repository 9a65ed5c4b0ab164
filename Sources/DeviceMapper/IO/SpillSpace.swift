/// Where in a spill file there is room.
///
/// Room is given out in powers of two, from a page on, and used again by size; meanwhile its blocks go back to the
/// file system. So the file is never longer than twice the most of each size at once.
struct SpillSpace {
    private static let smallestShift = 12
    /// Places that were given up, by size.
    private var free: [[UInt64]] = []
    /// Where nothing has been yet.
    private(set) var end: UInt64 = 0
    private var count = 0

    var isEmpty: Bool { count == 0 }

    /// The bytes that a place for `length` bytes has.
    static func room(for length: Int) -> UInt64 { 1 << UInt64(smallestShift + sizeClass(length)) }

    mutating func take(_ length: Int) -> UInt64 {
        count += 1
        let size = SpillSpace.sizeClass(length)
        if size < free.count, let offset = free[size].popLast() { return offset }
        defer { end += SpillSpace.room(for: length) }
        return end
    }

    mutating func give(_ offset: UInt64, _ length: Int) {
        count -= 1
        guard count > 0 else {
            free = []
            end = 0
            return
        }
        let size = SpillSpace.sizeClass(length)
        while free.count <= size { free.append([]) }
        free[size].append(offset)
    }

    private static func sizeClass(_ length: Int) -> Int {
        guard length > 1 << smallestShift else { return 0 }
        return Int.bitWidth - (length - 1).leadingZeroBitCount - smallestShift
    }
}
