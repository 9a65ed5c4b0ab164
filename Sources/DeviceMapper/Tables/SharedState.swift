/// State that the tables of several devices share, such as an origin and its snapshots, or a pool and its
/// thin devices. Each target that uses it keeps it; it goes with the last of them.
class SharedState: @unchecked Sendable {
    // @unchecked: a subclass's fields are guarded by `lock`.

    /// Guards what a subclass has. It may be held over I/O of the target's own; so requests don't take it,
    /// only calls that may wait (`didSuspend`, `willResume`, `message`, `commit`, `close`, a constructor).
    let lock = SleepLock(rank: .sharedState, name: "SharedState.lock")

    init() {}
}

/// The shared states of a registry, by what they are about.
final class SharedStates: @unchecked Sendable {
    // @unchecked: guarded by `lock`.

    private struct Key: Hashable {
        let type: ObjectIdentifier
        let device: DeviceNumber
    }
    private struct Entry { weak var state: SharedState? }

    /// Leaf.
    private let lock = Lock(rank: .leaf, name: "SharedStates.lock")
    private var entries: [Key: Entry] = [:]

    /// The state of this type that is about `device`; what `make` makes, if nobody has one. `make` is called
    /// with the lock held: it does nothing but allocate.
    func state<State: SharedState>(of device: LowerDevice, make: () -> State) -> State {
        let key = Key(type: ObjectIdentifier(State.self), device: device.number)
        let (state, others) = lock.withLock { () -> (State, [SharedState]) in
            if let state = entries[key]?.state as? State { return (state, []) }
            // Held until the lock is free: one whose last user goes now is destroyed outside.
            let others = entries.values.compactMap(\.state)
            entries = entries.filter { $0.value.state != nil }
            let state = make()
            entries[key] = Entry(state: state)
            return (state, others)
        }
        withExtendedLifetime(others) {}
        return state
    }
}
