import Glibc
import SystemPackage

/// A file without a name that takes the bytes of held writes beyond what memory is meant for them.
///
/// Made when it is first needed. Space of bytes that are given up goes back to the file system.
final class SpillFile: @unchecked Sendable {
    // @unchecked: guarded by `lock`.

    /// Guards the fields below. Leaf: no file is touched under it.
    private let lock = Lock(rank: .leaf, name: "SpillFile.lock")
    private var descriptor: Int32?
    private var space = SpillSpace()
    private let directory: ByteString

    /// `directory`: where a file can be made; a path, or the empty one: nowhere.
    init(directory: ByteString) { self.directory = directory }

    deinit {
        precondition(space.isEmpty, "a spill file was dropped with bytes of held writes in it")
        if let descriptor { BackingIO.close(FileDescriptor(rawValue: descriptor)) }
    }

    /// Puts bytes there. Nil: it can't; nothing is kept then.
    func keep(_ bytes: UnsafeRawBufferPointer) -> SpilledBytes? {
        guard let file = open() else { return nil }
        let offset = lock.withLock { space.take(bytes.count) }
        let spilled = SpilledBytes(in: self, file, offset: offset, length: bytes.count)
        // Dropped again where that fails.
        return BackingIO.write(file, bytes, at: offset) == nil ? spilled : nil
    }

    private func open() -> FileDescriptor? {
        if let descriptor = lock.withLock({ descriptor }) {
            return FileDescriptor(rawValue: descriptor)
        }
        guard let made = BackingIO.makeNameless(in: directory) else { return nil }
        let (used, surplus) = lock.withLock { () -> (Int32, Int32?) in
            if let descriptor { return (descriptor, made.rawValue) }
            descriptor = made.rawValue
            return (made.rawValue, nil)
        }
        if let surplus { BackingIO.close(FileDescriptor(rawValue: surplus)) }
        return FileDescriptor(rawValue: used)
    }

    fileprivate func forget(_ offset: UInt64, _ length: Int) {
        lock.withLock { space.give(offset, length) }
    }

    /// For tests: bytes of the file that are in use or were.
    var length: UInt64 { lock.withLock { space.end } }
}

/// The bytes of a held write in a spill file. They are given up with the last reference.
final class SpilledBytes: Sendable {
    private let spill: SpillFile
    private let file: FileDescriptor
    private let offset: UInt64
    private let length: Int

    fileprivate init(in spill: SpillFile, _ file: FileDescriptor, offset: UInt64, length: Int) {
        self.spill = spill
        self.file = file
        self.offset = offset
        self.length = length
    }

    deinit {
        // All of its blocks: a part of one isn't freed. Where there are no holes it is used again.
        _ = BackingIO.discard(
            file, .cached, from: offset, count: SpillSpace.room(for: length))
        spill.forget(offset, length)
    }

    /// Fills `bytes` with what stands there from byte `start` on. EIO and the like.
    func read(into bytes: UnsafeMutableRawBufferPointer, from start: Int) -> Errno? {
        BackingIO.read(file, into: bytes, at: offset + UInt64(start))
    }
}
