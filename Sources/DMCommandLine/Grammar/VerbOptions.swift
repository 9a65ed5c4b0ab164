import DeviceMapper

/// The options and words of one of our own verbs.
struct VerbOptions {
    private var values: [OptionID: ByteString] = [:]
    private(set) var words: [ByteString] = []

    /// Reads what stands around the verb's name: options of `ids`, and those of every command.
    /// `stopsAtWord`: what follows the first word is another command's.
    init(
        _ arguments: [ByteString], _ ids: [OptionID], stopsAtWord: Bool = false
    ) throws(Refusal) {
        let wanted = ids + OptionTable.common
        let long = OptionTable.own + OptionTable.verbs + OptionTable.long
        var getopt = Getopt(
            arguments, short: OptionTable.short.filter { wanted.contains($0.id) },
            long: long.filter { wanted.contains($0.id) }, stopsAtOperand: stopsAtWord)
        while let option = try Self.next(&getopt) { values[option.id] = option.value }
        words = getopt.operands
    }

    private static func next(_ getopt: inout Getopt) throws(Refusal) -> Getopt.Option? {
        do {
            return try getopt.nextOption()
        } catch {
            throw Refusal(error.message)
        }
    }

    func has(_ id: OptionID) -> Bool { values[id] != nil }

    func value(of id: OptionID) -> ByteString? { values[id] }

    /// The mount: the first word, or --dir; nil where neither is given.
    func directory() throws(Refusal) -> ByteString? {
        guard let word = words.first else { return values[.directory] }
        guard values[.directory] == nil else { throw Refusal("a directory is named twice") }
        return word
    }

    /// A whole number; nil where the option isn't given.
    func number(_ id: OptionID, in range: ClosedRange<Int>) throws(Refusal) -> Int? {
        guard let value = values[id] else { return nil }
        guard let number: Int = Digits.number(value.bytes), range.contains(number) else {
            throw refusal(id, "\(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// One of some words; nil where the option isn't given.
    func choice<Choice: RawRepresentable & CaseIterable>(
        _ id: OptionID, _: Choice.Type
    ) throws(Refusal) -> Choice? where Choice.RawValue == String {
        guard let value = values[id] else { return nil }
        let found = Choice.allCases.first { value == ByteString($0.rawValue) }
        guard let found else {
            throw refusal(id, Choice.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return found
    }

    private func refusal(_ id: OptionID, _ wanted: String) -> Refusal {
        let name = OptionTable.spellings(of: id).last ?? ""
        return Refusal("\(name) takes \(wanted), not '\((values[id] ?? .empty).string)'")
    }
}
