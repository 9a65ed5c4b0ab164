/// Which minor numbers are in use. Guarded by dm_sem.
///
/// A minor is taken when its device is registered and free again only when the device is gone, so
/// that a number never leads to a device half built or half torn down.
struct MinorNumbers {
    private var words: [UInt64] = []
    /// No minor below this word is free.
    private var firstWithRoom = 0

    /// The lowest free one; nil when all 2^20 are in use.
    mutating func takeLowest() -> UInt32? {
        while firstWithRoom < words.count, words[firstWithRoom] == UInt64.max { firstWithRoom += 1 }
        guard firstWithRoom < Limits.minors / 64 else { return nil }
        if firstWithRoom == words.count { words.append(0) }
        let bit = (~words[firstWithRoom]).trailingZeroBitCount
        words[firstWithRoom] |= 1 << UInt64(bit)
        return UInt32(firstWithRoom * 64 + bit)
    }

    /// That one; false when it is in use or out of range.
    mutating func take(_ minor: UInt32) -> Bool {
        guard minor < Limits.minors else { return false }
        let (word, bit) = (Int(minor) / 64, UInt64(minor) % 64)
        if word >= words.count {
            words.append(contentsOf: repeatElement(0, count: word + 1 - words.count))
        }
        guard words[word] & (1 << bit) == 0 else { return false }
        words[word] |= 1 << bit
        return true
    }

    mutating func free(_ minor: UInt32) {
        let (word, bit) = (Int(minor) / 64, UInt64(minor) % 64)
        precondition(words[word] & (1 << bit) != 0, "a minor number was freed twice")
        words[word] &= ~(1 << bit)
        firstWithRoom = min(firstWithRoom, word)
    }
}
