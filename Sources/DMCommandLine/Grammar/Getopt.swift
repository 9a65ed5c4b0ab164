import DeviceMapper

/// Reads a command line as `getopt_long(3)` of glibc does.
///
/// Why no library: dmsetup's users rely on what getopt does. Options stand anywhere among the words, any
/// unambiguous beginning of a long option is that option, one set of options serves every command, words are
/// bytes and need not be UTF-8, and its refusals are getopt's lines. glibc's own isn't used since it keeps its
/// place in global variables, permutes the caller's vector and writes to standard error by itself.
/// swift-argument-parser takes one command's options only behind its name, and words as strings.
struct Getopt {
    /// `name` without its dashes.
    struct LongOption {
        let name: String
        let takesValue: Bool
        let id: OptionID

        init(_ name: String, _ id: OptionID, value: Bool = false) {
            self.name = name
            self.id = id
            takesValue = value
        }
    }

    struct ShortOption {
        let letter: UInt8
        let takesValue: Bool
        let id: OptionID

        init(_ letter: Character, _ id: OptionID, value: Bool = false) {
            self.letter = letter.asciiValue ?? 0
            self.id = id
            takesValue = value
        }
    }

    struct Option {
        let id: OptionID
        /// Empty for an option that takes none.
        let value: ByteString
    }

    /// What getopt prints, without the program's name before it.
    struct Failure: Error, Equatable { let message: String }

    private static let dash = UInt8(ascii: "-")
    private static let equals = UInt8(ascii: "=")

    private let words: [ByteString]
    private let longOptions: [LongOption]
    private let shortOptions: [ShortOption]
    /// Options that are taken when no `longOptions` fit: they never make those ambiguous.
    private let moreLongOptions: [LongOption]
    private let stopsAtOperand: Bool
    private var next = 0
    /// Letters of a short cluster that are still to be read.
    private var cluster: ArraySlice<UInt8> = []

    /// The words that aren't options; complete once `nextOption` returned nil.
    private(set) var operands: [ByteString] = []

    /// `words` without the program's name. `stopsAtOperand`: as with POSIXLY_CORRECT.
    init(
        _ words: [ByteString], short: [ShortOption], long: [LongOption],
        moreLong: [LongOption] = [], stopsAtOperand: Bool = false
    ) {
        self.words = words
        shortOptions = short
        longOptions = long
        moreLongOptions = moreLong
        self.stopsAtOperand = stopsAtOperand
    }

    /// The next option in the order given, or nil at the end.
    mutating func nextOption() throws(Failure) -> Option? {
        if let letter = cluster.popFirst() { return try shortOption(letter) }
        while next < words.count {
            let word = words[next].bytes
            next += 1
            if word == [Self.dash, Self.dash] {
                operands += words[next...]
                next = words.count
            } else if word.starts(with: [Self.dash, Self.dash]) {
                return try longOption(word.dropFirst(2))
            } else if word.first == Self.dash, word.count > 1 {
                cluster = word.dropFirst(2)
                return try shortOption(word[1])
            } else if stopsAtOperand {
                operands += words[(next - 1)...]
                next = words.count
            } else {
                operands.append(ByteString(word))
            }
        }
        return nil
    }

    private mutating func shortOption(_ letter: UInt8) throws(Failure) -> Option {
        let shown = Printable.text([letter])
        guard let option = shortOptions.first(where: { $0.letter == letter }) else {
            throw Failure(message: "invalid option -- '\(shown)'")
        }
        guard option.takesValue else { return Option(id: option.id, value: .empty) }
        if !cluster.isEmpty {
            defer { cluster = [] }
            return Option(id: option.id, value: ByteString(cluster))
        }
        guard let value = nextWord() else {
            throw Failure(message: "option requires an argument -- '\(shown)'")
        }
        return Option(id: option.id, value: value)
    }

    private mutating func longOption(_ text: ArraySlice<UInt8>) throws(Failure) -> Option {
        let end = text.firstIndex(of: Self.equals) ?? text.endIndex
        let option = try find(text[..<end], in: text)
        if end < text.endIndex {
            guard option.takesValue else {
                throw Failure(message: "option '--\(option.name)' doesn't allow an argument")
            }
            return Option(id: option.id, value: ByteString(text[(end + 1)...]))
        }
        guard option.takesValue else { return Option(id: option.id, value: .empty) }
        guard let value = nextWord() else {
            throw Failure(message: "option '--\(option.name)' requires an argument")
        }
        return Option(id: option.id, value: value)
    }

    private func find(
        _ name: ArraySlice<UInt8>, in text: ArraySlice<UInt8>
    ) throws(Failure) -> LongOption {
        for options in [longOptions, moreLongOptions] {
            if let exact = options.first(where: { $0.name.utf8.elementsEqual(name) }) {
                return exact
            }
        }
        let shown = Printable.text(text)
        for options in [longOptions, moreLongOptions] {
            let candidates = options.filter { $0.name.utf8.starts(with: name) }
            guard let first = candidates.first else { continue }
            guard candidates.count > 1 else { return first }
            let possibilities = candidates.map { " '--\($0.name)'" }.joined()
            throw Failure(
                message: "option '--\(shown)' is ambiguous; possibilities:\(possibilities)")
        }
        throw Failure(message: "unrecognized option '--\(shown)'")
    }

    private mutating func nextWord() -> ByteString? {
        guard next < words.count else { return nil }
        next += 1
        return words[next - 1]
    }
}
