import DeviceMapper

/// `udevflags`, `udevcomplete`, `udevcookies` and their like. There is no udev behind a mount, so
/// there is never a transaction to wait for: what dmsetup answers on a machine without udev.
enum UdevCommands {
    static let createPage = CommandPage(
        usage: [""], summary: "make a cookie, as udev would count with",
        example: "dmfuse udevcreatecookie")
    static let releasePage = CommandPage(
        usage: ["[COOKIE]"], summary: "give a cookie up",
        example: "dmfuse udevreleasecookie 0xd4d1234")
    static let flagsPage = CommandPage(
        usage: ["COOKIE"], summary: "show the flags in a cookie",
        example: "dmfuse udevflags 0xd4d1234")
    static let completePage = CommandPage(
        usage: ["COOKIE"], summary: "tell that udev has done its part",
        example: "dmfuse udevcomplete 0xd4d1234")
    static let completeAllPage = CommandPage(
        usage: ["[MINUTES]"], summary: "give all cookies up that are older",
        example: "dmfuse udevcomplete_all 10")
    static let listPage = CommandPage(
        usage: [""], summary: "list the cookies",
        example: "dmfuse udevcookies")

    /// The flags in a cookie's upper half, from bit 16 on (DM_UDEV_FLAGS_SHIFT); then the
    /// subsystem's own.
    private static let flags = [
        "DM_UDEV_DISABLE_DM_RULES_FLAG", "DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG",
        "DM_UDEV_DISABLE_DISK_RULES_FLAG", "DM_UDEV_DISABLE_OTHER_RULES_FLAG",
        "DM_UDEV_LOW_PRIORITY_FLAG", "DM_UDEV_DISABLE_LIBRARY_FALLBACK_FLAG",
        "DM_UDEV_PRIMARY_SOURCE_FLAG", "DM_UDEV_FLAG7",
    ]

    /// A cookie as `strtoul(3)` reads it in any base, all of the word. Nil: zero, or none.
    static func cookie(_ word: ByteString) -> UInt32? {
        guard let value = Decimal.whole(word, base: 0).flatMap({ UInt32(exactly: $0) }), value != 0
        else { return nil }
        return value
    }

    private static func cookie(_ invocation: Invocation) throws(Refusal) -> UInt32? {
        guard let word = invocation.words.first else { return nil }
        guard let cookie = cookie(word) else { throw Refusal("Incorrect cookie value.") }
        return cookie
    }

    static func printFlags(_ invocation: Invocation) throws(Refusal) {
        guard let cookie = try cookie(invocation) else { return }
        for bit in 0..<16 where cookie >> (16 + bit) & 1 == 1 {
            let name =
                bit < flags.count ? flags[bit] : "DM_SUBSYSTEM_UDEV_FLAG\(bit - flags.count)"
            invocation.console.printLine("\(name)='1'")
        }
    }

    static func complete(_ invocation: Invocation) throws(Refusal) {
        guard let cookie = try cookie(invocation) else { return }
        let digits = String(cookie, radix: 16)
        let padding = String(repeating: " ", count: max(0, 10 - digits.count))
        invocation.console.printLine("DM_COOKIE_COMPLETED=0x\(digits)\(padding)")
    }

    static func release(_ invocation: Invocation) throws(Refusal) {
        guard try cookie(invocation) != nil else {
            throw Refusal("No udev transaction cookie given.")
        }
    }

    static func create(_ invocation: Invocation) throws(Refusal) {}

    static func list(_ invocation: Invocation) throws(Refusal) {
        invocation.console.printLine(
            "Cookie       Semid      Value      Last semop time           Last change time")
    }

    /// `udevcomplete_all [MINUTES]`: asks first, unless `-y` is given.
    static func completeAll(_ invocation: Invocation) throws(Refusal) {
        var age = ""
        if let word = invocation.words.first {
            let minutes = Decimal.atoi(word.bytes)
            guard word.bytes.contains(where: Decimal.isDigit) else {
                throw Refusal("Failed to read age_in_minutes parameter.")
            }
            age = " older than \(minutes) minutes"
        }
        let keys = "with keys prefixed by 3405 (0xd4d)"
        if !invocation.options.yes, try !isConfirmed(age, invocation) {
            invocation.console.printLine("Semaphores \(keys) NOT destroyed.")
            return
        }
        invocation.console.printLine("0 semaphores \(keys) destroyed. 0 skipped.")
    }

    private static func isConfirmed(
        _ age: String, _ invocation: Invocation
    ) throws(Refusal) -> Bool {
        let console = invocation.console
        console.report(
            "WARNING: This operation will destroy all semaphores\(age) with keys that have a "
                + "prefix 3405 (0xd4d).")
        console.print("Do you really want to continue? [y/n]: ")
        console.flush()
        let answer = try TableSource(invocation).standardInput().first { !Decimal.isSpace($0) }
        if answer == nil { console.print("\n") }
        return answer == UInt8(ascii: "y") || answer == UInt8(ascii: "Y")
    }
}
