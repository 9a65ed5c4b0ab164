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
