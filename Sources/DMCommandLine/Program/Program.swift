import DeviceMapper
import Glibc

/// The process: its arguments, streams and environment.
package enum Program {
    /// The exit status. `commit`: what was built; empty: not known.
    package static func run(commit: String) -> Int32 {
        let arguments = arguments()
        let programName = arguments.first ?? "dmfuse"
        let console = Console(
            keep: SystemCalls.isTerminal(STDOUT_FILENO) ? 0 : 1 << 16,
            output: { SystemCalls.write($0, to: STDOUT_FILENO) },
            errors: { SystemCalls.write($0, to: STDERR_FILENO) })
        let personality = Personality(programName: programName)
        let words = Array(arguments.dropFirst())
        let surroundings = Surroundings.process(commit: commit)
        if personality == .dmfuse {
            return OwnCommandLine(
                programName: programName, console: console, surroundings: surroundings
            ).run(words)
        }
        let line = DeviceCommandLine(
            programName: programName, personality: personality, console: console,
            surroundings: surroundings)
        return line.run(words)
    }

    /// As the kernel gave them: `CommandLine.arguments` would repair what is not UTF-8.
    private static func arguments() -> [ByteString] {
        let pointers = UnsafeBufferPointer(
            start: CommandLine.unsafeArgv, count: Int(CommandLine.argc))
        return pointers.compactMap { pointer in
            guard let pointer else { return nil }
            let bytes = UnsafeRawBufferPointer(start: pointer, count: strlen(pointer))
            return ByteString(bytes)
        }
    }
}
