/// What a target's constructor gets: its place in the table, its arguments, and a way to its lower
/// devices.
struct TargetContext {
    let type: TargetType
    let begin: Sectors
    let length: Sectors
    /// The words of the line after the target type (`dm_split_args`).
    let arguments: [ByteString]
    /// Raises the event number of the mapped device (`dm_table_event`). Any thread, no lock held.
    let raiseEvent: @Sendable () -> Void
    /// Holds requests for a time.
    let timer: HoldTimer
    /// For what takes CPU time.
    let compute: ComputeTurn
    /// What tables of several devices have together.
    let sharedStates: SharedStates
    /// Where `TargetIO` counts.
    let queue: Unmanaged<RequestQueue>
    private let open: (ByteString) throws(DMError) -> LowerDevice

    init(
        type: TargetType, begin: Sectors, length: Sectors, arguments: [ByteString],
        raiseEvent: @escaping @Sendable () -> Void, timer: HoldTimer, compute: ComputeTurn,
        sharedStates: SharedStates, queue: RequestQueue,
        open: @escaping (ByteString) throws(DMError) -> LowerDevice
    ) {
        self.type = type
        self.begin = begin
        self.length = length
        self.arguments = arguments
        self.raiseEvent = raiseEvent
        self.timer = timer
        self.compute = compute
        self.sharedStates = sharedStates
        self.queue = .passUnretained(queue)
        self.open = open
    }

    /// Opens the lower device that a word names: a number, a path. Equal devices of one table are
    /// one `LowerDevice`. `reason`: what the target says when it can't be had; the errno is the
    /// one of looking it up.
    func lowerDevice(_ word: ByteString, reason: String) throws(DMError) -> LowerDevice {
        do {
            return try open(word)
        } catch {
            let detail = error.message.isEmpty ? "" : " (\(error.message))"
            throw DMError(error.errno, reason + detail)
        }
    }
}

/// Numbers as the kernel reads them in table lines.
enum TargetNumber {
    /// `sscanf("%llu%c") == 1`: decimal digits only, leading blanks allowed, nothing behind. A
    /// number too long wraps modulo 2^64, as the kernel's `simple_strtoull` does.
    static func sector(_ word: ByteString) -> UInt64? {
        let digits = word.bytes.drop(while: isSpace)
        guard !digits.isEmpty else { return nil }
        var value: UInt64 = 0
        for byte in digits {
            guard let digit = decimal(byte) else { return nil }
            value = value &* 10 &+ UInt64(digit)
        }
        return value
    }

    /// `kstrtouint(word, 10, …)`: an optional '+', decimal digits, at most 2^32 - 1, and one
    /// newline may follow.
    static func unsigned(_ word: ByteString) -> UInt32? {
        var digits = word.bytes[...]
        if digits.first == UInt8(ascii: "+") { digits = digits.dropFirst() }
        if digits.last == UInt8(ascii: "\n") { digits = digits.dropLast() }
        return Digits.number(digits)
    }

    /// The kernel's `isspace`: HT, LF, VT, FF, CR, space, and Latin-1's no-break space.
    static func isSpace(_ byte: UInt8) -> Bool {
        (9...13).contains(byte) || byte == 32 || byte == 0xa0
    }

    private static func decimal(_ byte: UInt8) -> UInt8? {
        let digit = byte &- UInt8(ascii: "0")
        return digit < 10 ? digit : nil
    }
}
