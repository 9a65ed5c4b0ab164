/// What mapped devices ought to do, in the simplest way: an array of bytes for each store, a list
/// of lines for each table, one thread, and every byte mapped for itself.
package struct ReferenceModel: Sendable {
    /// What a target stands on.
    package enum Place: Hashable, Sendable {
        case store(String)
        case device(String)
    }

    /// What becomes of a line's sectors.
    package enum Target: Hashable, Sendable {
        case linear(Place, start: Int)
        /// In blocks of `block` bytes.
        case xor(Place, start: Int, key: UInt8, block: Int)
        case striped(chunk: Int, [(Place, start: Int)])
        case zero
        case error

        package static func == (left: Target, right: Target) -> Bool {
            left.text == right.text
        }

        package func hash(into hasher: inout Hasher) { hasher.combine(text) }

        /// As in a table line, from the type on.
        package var text: String {
            func word(_ place: Place) -> String {
                switch place {
                case .store(let name), .device(let name): name
                }
            }
            switch self {
            case .linear(let place, let start): return "linear \(word(place)) \(start)"
            case .xor(let place, let start, let key, let block):
                return "xor \(word(place)) \(start) \(key) \(block)"
            case .striped(let chunk, let stripes):
                return "striped \(stripes.count) \(chunk)"
                    + stripes.map { " \(word($0.0)) \($0.start)" }.joined()
            case .zero: return "zero"
            case .error: return "error"
            }
        }
    }

    /// Lines, as a device has them live or inactive.
    package struct Table: Hashable, Sendable {
        /// Lengths in sectors.
        package var lines: [(length: Int, target: Target)]
        package var isReadOnly: Bool

        package init(lines: [(length: Int, target: Target)], isReadOnly: Bool) {
            self.lines = lines
            self.isReadOnly = isReadOnly
        }

        package var sectors: Int { lines.reduce(0) { $0 + $1.length } }

        package var text: String {
            var start = 0
            var lines: [String] = []
            for line in self.lines {
                lines.append("\(start) \(line.length) \(line.target.text)")
                start += line.length
            }
            return lines.joined(separator: "\n")
        }

        /// Whether bytes are changed on their way.
        fileprivate var encodes: Bool {
            lines.contains { if case .xor = $0.target { true } else { false } }
        }

        package static func == (left: Table, right: Table) -> Bool {
            left.text == right.text && left.isReadOnly == right.isReadOnly
        }

        package func hash(into hasher: inout Hasher) { hasher.combine(text) }
    }

    /// What a mapped device has.
    package struct Device: Sendable {
        package var live: Table?
        package var inactive: Table?
        package var hadTable = false
        /// As its live table was measured, or before that the first one that was loaded.
        package var takesDiscards = false
        package var isSuspended = false

        package init() {}
    }

    package var stores: [String: [UInt8]] = [:]
    package var devices: [String: Device] = [:]

    /// Whether the last write reached a block of a store on two ways: the order of its parts is open.
    package private(set) var wroteTwice = false
    /// By store and block: how far its bytes are from those of the write.
    private var written: [String: [Int: Int]] = [:]
    /// The byte of the write that is written.
    private var writing = 0
    /// Bytes that are written together.
    private let blockSize: Int

    package init(blockSize: Int = 1) { self.blockSize = blockSize }

    package func sectors(of place: Place) -> Int {
        switch place {
        case .store(let name): (stores[name]?.count ?? 0) / 512
        case .device(let name): devices[name]?.live?.sectors ?? 0
        }
    }

    /// Whether the lower devices are as long as the table needs them.
    package func fits(_ table: Table) -> Bool {
        func reaches(_ place: Place, _ end: Int) -> Bool {
            let size = sectors(of: place)
            return size == 0 || end <= size
        }
        return table.lines.allSatisfy { line in
            switch line.target {
            case .linear(let place, let start), .xor(let place, let start, _, _):
                reaches(place, start + line.length)
            case .striped(_, let stripes):
                stripes.allSatisfy {
                    reaches($0.0, $0.start + line.length / stripes.count)
                }
            case .zero, .error: true
            }
        }
    }

    private static func places(of table: Table) -> [Place?] {
        table.lines.flatMap { line -> [Place?] in
            switch line.target {
            case .linear(let place, _), .xor(let place, _, _, _): [place]
            case .striped(_, let stripes): stripes.map { $0.0 }
            case .zero, .error: [nil]
            }
        }
    }

    /// Whether each device that the table stands on had a table.
    package func standsOnDisks(_ table: Table) -> Bool {
        ReferenceModel.places(of: table).allSatisfy { place in
            guard case .device(let name) = place else { return true }
            return devices[name]?.hadTable == true
        }
    }

    /// Whether a device with that table takes discards, by what its lower devices take now.
    package func takesDiscards(_ table: Table) -> Bool {
        !table.encodes
            && ReferenceModel.places(of: table).allSatisfy { place in
                switch place {
                case .store: true
                case .device(let name): devices[name]?.takesDiscards == true
                case nil: false
                }
            }
    }

    /// Whether a discard gets to the stores, whatever changed since the device was measured.
    package func discardsReach(_ name: String) -> Bool {
        guard let device = devices[name], let table = device.live, device.takesDiscards else {
            return false
        }
        return ReferenceModel.places(of: table).allSatisfy { place in
            guard case .device(let lower) = place else { return true }
            return discardsReach(lower)
        }
    }

    /// Whether a request for these bytes would be held somewhere.
    package func isHeld(_ device: String, _ range: Range<Int>) -> Bool {
        guard let state = devices[device] else { return false }
        if state.isSuspended { return true }
        guard let table = state.live, range.upperBound <= table.sectors * 512 else { return false }
        // One byte of each sector: no boundary lies within.
        let sectors = range.lowerBound / 512...max(range.upperBound - 1, range.lowerBound) / 512
        return sectors.contains { sector in
            let byte = max(sector * 512, range.lowerBound)
            guard case .device(let lower, let offset, _) = ReferenceModel.step(table, byte) else {
                return false
            }
            return isHeld(lower, offset..<offset + 1)
        }
    }

    private enum Step {
        case store(String, Int, key: UInt8)
        case device(String, Int, key: UInt8)
        case zero
        case error
    }

    private static func step(_ table: Table, _ byte: Int) -> Step {
        func place(_ place: Place, _ offset: Int, key: UInt8 = 0) -> Step {
            switch place {
            case .store(let name): .store(name, offset, key: key)
            case .device(let name): .device(name, offset, key: key)
            }
        }
        var within = byte
        for line in table.lines {
            guard within >= line.length * 512 else {
                switch line.target {
                case .zero: return .zero
                case .error: return .error
                case .linear(let lower, let start): return place(lower, start * 512 + within)
                case .xor(let lower, let start, let key, _):
                    return place(lower, start * 512 + within, key: key)
                case .striped(let chunk, let stripes):
                    let (index, rest) = (within / (chunk * 512), within % (chunk * 512))
                    let (row, stripe) = (index / stripes.count, index % stripes.count)
                    let (lower, start) = stripes[stripe]
                    return place(lower, start * 512 + row * chunk * 512 + rest)
                }
            }
            within -= line.length * 512
        }
        return .error
    }

    /// Reads, or with `byte` writes, one byte. Nil: an error. The whole request's length has been
    /// checked against the top device, parts of it against lower ones byte by byte.
    private mutating func access(
        _ device: String, _ offset: Int, writing byte: UInt8?
    ) -> UInt8? {
        guard let table = devices[device]?.live, offset < table.sectors * 512 else { return nil }
        if byte != nil && table.isReadOnly { return nil }
        switch ReferenceModel.step(table, offset) {
        case .zero: return 0
        case .error: return nil
        case .device(let lower, let lowerOffset, let key):
            return access(lower, lowerOffset, writing: byte.map { $0 ^ key }).map { $0 ^ key }
        case .store(let name, let lowerOffset, let key):
            guard let size = stores[name]?.count, lowerOffset < size else { return nil }
            if let byte {
                stores[name]?[lowerOffset] = byte ^ key
                let way = lowerOffset - writing
                let known = written[name, default: [:]].updateValue(
                    way, forKey: lowerOffset / blockSize)
                if let known, known != way { wroteTwice = true }
            }
            return stores[name].map { $0[lowerOffset] ^ key }
        }
    }

    /// Nil: EIO.
    package mutating func read(_ device: String, _ range: Range<Int>) -> [UInt8]? {
        guard let table = devices[device]?.live, range.upperBound <= table.sectors * 512 else {
            return nil
        }
        var bytes: [UInt8] = []
        for offset in range {
            guard let byte = access(device, offset, writing: nil) else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    /// False: EIO; then any part that can be written is.
    package mutating func write(_ device: String, _ offset: Int, _ bytes: [UInt8]) -> Bool {
        wroteTwice = false
        written = [:]
        writing = 0
        guard let table = devices[device]?.live, !table.isReadOnly,
            offset + bytes.count <= table.sectors * 512
        else { return false }
        var isDone = true
        for (index, byte) in bytes.enumerated() {
            writing = index
            if access(device, offset + index, writing: byte) == nil { isDone = false }
        }
        return isDone
    }
}
