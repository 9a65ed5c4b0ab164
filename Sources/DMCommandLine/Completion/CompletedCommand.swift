import DeviceMapper
import Logging

/// A command as completion sees it: a verb of ours or one of dmsetup's.
struct CompletedCommand {
    let names: [String]
    let page: CommandPage
    let options: [OptionID]

    static var all: [CompletedCommand] {
        let verbs = VerbTable.all.map { verb in
            CompletedCommand(
                names: [verb.name] + verb.aliases, page: verb.page,
                options: verb.page.options + OptionTable.common)
        }
        let commands = CommandTable.besideVerbs.map {
            CompletedCommand(
                names: [$0.name], page: $0.page,
                options: $0.page.options + [.verbose] + OptionTable.common)
        }
        return verbs + commands
    }

    /// With blanks between them.
    static var allNames: String { all.flatMap(\.names).joined(separator: " ") }

    /// As they are written, with their dashes: those that people are told of.
    var spellings: [String] {
        options.filter { OptionText($0) != nil }.flatMap { OptionTable.spellings(of: $0) }
    }
}

/// What the value of an option is.
enum CompletedValue {
    case directory, file, target, field, command, words([String]), unknown

    /// Nil: the option takes none.
    init?(_ id: OptionID) {
        guard OptionText(id)?.value != nil else { return nil }
        switch id {
        case .directory: self = .directory
        case .reasons: self = .file
        case .target: self = .target
        case .options, .sort: self = .field
        case .exec: self = .command
        case .mangleName: self = .words(["auto", "hex", "none"])
        case .logLevel: self = .words(Logger.Level.allCases.map(\.rawValue))
        case .traced: self = .words(TraceKind.allCases.map(\.rawValue))
        default: self = .unknown
        }
    }

    /// Of the options with values that can be completed, each with how it is written.
    static var all: [(spellings: [String], value: CompletedValue)] {
        OptionID.allCases.compactMap { id in
            CompletedValue(id).map { (OptionTable.spellings(of: id), $0) }
        }
    }
}

/// The shells that there is a completion for.
enum CompletionShell: String, CaseIterable {
    case bash, zsh, fish

    var script: String {
        switch self {
        case .bash: BashCompletion.script
        case .zsh: ZshCompletion.script
        case .fish: FishCompletion.script
        }
    }

    /// With blanks between them.
    static var names: String { allCases.map(\.rawValue).joined(separator: " ") }

    /// The names of the devices, one a line, and of the target types.
    static let listDevices = "info --columns --noheadings --options name"
    static let listTargets = "targets"

    static var fieldNames: String { DeviceFields.all.map(\.id).joined(separator: " ") }
}
