import DMCommandLine
import Glibc

// For scripts/manual: without a word the names of the pages of section 8, with a name how that page begins.
if CommandLine.arguments.count < 2 {
    for name in ManualPages.names { print(name) }
} else if let text = ManualPages.beginning(of: CommandLine.arguments[1]) {
    print(text, terminator: "")
} else {
    exit(1)
}
