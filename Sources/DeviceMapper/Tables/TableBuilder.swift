import SystemPackage

/// Makes a table of lines: looks up types, checks that lines follow each other, opens lower
/// devices. No lock is held meanwhile, since opening a file may take its time.
final class TableBuilder {
    private let device: MappedDevice
    private let registry: DeviceRegistry
    private let resolver: any DeviceResolver
    private let isReadOnly: Bool
    /// What words of earlier lines led to, so that 100,000 lines over one file look it up once.
    private var opened: [ByteString: LowerDevice] = [:]
    /// The same by number: two words may name one device. In order of opening.
    private var lowerDevices: [LowerDevice] = []
    private var byNumber: [DeviceNumber: LowerDevice] = [:]

    /// The type of the first line.
    private var first: TargetType?

    /// What a line takes of memory, with what stands only while its table is built; rounded up.
    static let bytesOfLine = 1024

    private init(
        device: MappedDevice, registry: DeviceRegistry, resolver: any DeviceResolver,
        isReadOnly: Bool
    ) {
        self.device = device
        self.registry = registry
        self.resolver = resolver
        self.isReadOnly = isReadOnly
    }

    /// The table of `lines` for `device`, with its lower devices open. Errors: EINVAL, EOVERFLOW
    /// (more than `Limits.targetsOfTable`), what looking a device up gives (ENODEV, ENXIO, EACCES,
    /// EROFS, EBUSY), ELOOP (deeper than `Limits.stackedDevices`). Nothing stays open then.
    static func build(
        _ lines: [TableLine], for device: MappedDevice, in registry: DeviceRegistry,
        readOnly: Bool, resolver: any DeviceResolver
    ) throws(DMError) -> Table {
        guard !lines.isEmpty else {
            throw DMError(.invalidArgument, "populate_table: no targets specified")
        }
        guard lines.count <= Limits.targetsOfTable else {
            throw DMError(.overflow, "too many targets: \(lines.count)")
        }
        let builder = TableBuilder(
            device: device, registry: registry, resolver: resolver, isReadOnly: readOnly)
        var targets: [Target] = []
        do {
            targets.reserveCapacity(lines.count)
            var end = Sectors.zero
            for line in lines {
                targets.append(try builder.target(line, after: &end))
            }
            return Table(
                device: device, targets: targets, lowerDevices: builder.lowerDevices.reversed(),
                isReadOnly: readOnly)
        } catch {
            for target in targets where target.hasLife { target.close() }
            for lower in builder.lowerDevices { lower.close() }
            throw error
        }
    }

    /// The order of these checks is `dm_table_add_target`'s.
    private func target(
        _ line: TableLine, after end: inout Sectors
    ) throws(DMError) -> Target {
        if let first, first.rules.contains(.singleton) {
            throw DMError(
                .invalidArgument, "target type \(first.name) must appear alone in table")
        }
        guard line.length > 0 else {
            throw DMError(.invalidArgument, "zero-length target")
        }
        let (lineEnd, overflow) = line.start.addingReportingOverflow(line.length)
        guard !overflow, lineEnd <= Sectors.maximum.count else {
            throw DMError(.invalidArgument, "too large device")
        }
        guard let type = registry.targetTypes.named(line.targetType) else {
            throw DMError(.invalidArgument, "\(line.targetType.string): unknown target type")
        }
        try checkRules(type)
        guard line.start == end.count else {
            throw DMError(.invalidArgument, "\(type.name): Gap in table")
        }
        do {
            let device = self.device
            let context = TargetContext(
                type: type, begin: end, length: Sectors(line.length), arguments: line.words(),
                raiseEvent: { [unowned(unsafe) device] in device.tableEvent() },
                timer: registry.holdTimer,
                compute: ComputeTurn(registry.computeWorkers, of: device),
                sharedStates: registry.sharedStates, queue: device.disk.queue,
                open: { [unowned self] word throws(DMError) in try open(word) })
            let target = try type.construct(context)
            end = Sectors(lineEnd)
            return target
        } catch {
            throw DMError(error.errno, "\(type.name): \(error.message)")
        }
    }

    /// Whether a type may stand beside those of the lines before.
    private func checkRules(_ type: TargetType) throws(DMError) {
        func refusal(_ reason: String) -> DMError {
            DMError(.invalidArgument, "\(type.name): \(reason)")
        }
        if type.rules.contains(.singleton), first != nil {
            throw refusal("singleton target type must appear alone in table")
        }
        if type.rules.contains(.alwaysWriteable), isReadOnly {
            throw refusal("target type may not be included in a read-only table")
        }
        if let first, first.name != type.name,
            first.rules.union(type.rules).contains(.immutable)
        {
            throw refusal("immutable target type cannot be mixed with other target types")
        }
        if first == nil { first = type }
    }

    private func open(_ word: ByteString) throws(DMError) -> LowerDevice {
        if let known = opened[word] { return known }
        let lower = try openNew(word)
        opened[word] = lower
        return lower
    }

    private func openNew(_ word: ByteString) throws(DMError) -> LowerDevice {
        switch try resolver.resolve(word, writable: !isReadOnly) {
        case .mapped(let minor):
            let number = DeviceNumber(major: registry.mappedMajor, minor: minor)
            if let known = byNumber[number] { return known }
            return remember(try registry.openLower(number, for: device, writable: !isReadOnly))
        case .backing(let backing):
            if let known = byNumber[backing.number] {
                backing.release()
                return known
            }
            return remember(
                LowerDevice(
                    kind: .backing(backing), number: backing.number, isWritable: !isReadOnly,
                    release: { backing.release() }))
        }
    }

    private func remember(_ lower: LowerDevice) -> LowerDevice {
        lowerDevices.append(lower)
        byNumber[lower.number] = lower
        return lower
    }
}
