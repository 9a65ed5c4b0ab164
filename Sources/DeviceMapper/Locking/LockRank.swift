/// The order in which locks are taken: ranks rise inward. `docs/locking.md` has the table of what
/// each guards; a debug build traps when a thread takes a lock of a lower or equal rank than one
/// that it holds.
package enum LockRank: UInt8, CaseIterable, Sendable {
    /// `MappedDevice.suspendLock`: one suspend, resume or unbinding of a device at a time.
    case suspend = 10
    /// `SharedState.lock`: what tables of several devices share, and other state of a target that is held over
    /// the target's own I/O.
    case sharedState = 12
    /// `Interrupt.lock`: taken before whatever the interrupted call waits with.
    case interrupt = 15
    /// `DeviceRegistry.dmSem`: hash cells, disk -> device, open counts, minors, edges.
    case dmSem = 20
    /// `MappedDevice.mapLock`: the live and the inactive table pointer.
    case map = 30
    /// `RequestQueue.ioLock`: block-I/O flag, deferred list, `wait`.
    case io = 40
    /// Leaves: nothing of ours is taken under them.
    case leaf = 50
}
