import DMControl
import DeviceMapper
import Testing

@testable import DMCommandLine

/// The stack of the transcript "three levels", and what dmsetup drew of it.
@Suite struct TreeTests {
    private static func number(_ major: UInt32, _ minor: UInt32) -> DeviceNumber {
        DeviceNumber(major: major, minor: minor)
    }

    private static func description(
        _ name: String, _ minor: UInt32, opens: Int32, uuid: String = "", _ uses: [DeviceNumber]
    ) -> DependencyTree.Description {
        var head = DMIoctl(flags: [.activePresent])
        head.name = ByteString(name)
        head.device = number(254, minor).encoded
        head.openCount = opens
        return DependencyTree.Description(
            name: ByteString(name), uuid: ByteString(uuid), status: DeviceStatus(head),
            dependencies: uses)
    }

    private static let devices: [DependencyTree.Description] = [
        description("base0", 0, opens: 1, [number(7, 0)]),
        description("base1", 1, opens: 1, uuid: "U-base1", [number(7, 1)]),
        description("mid", 2, opens: 2, [number(254, 1), number(254, 0)]),
        description("top", 3, opens: 0, [number(7, 1), number(254, 2)]),
        description("top2", 4, opens: 0, [number(254, 2)]),
    ]

    private func draw(
        _ options: String, width: Int = 80, devices: [DependencyTree.Description] = devices
    ) throws -> String {
        let tree = DependencyTree { number throws(Refusal) in
            devices.first { $0.status.number == number }
        }
        for device in devices { try tree.add(device.status.number) }
        let names = BlockDeviceNames(mappedMajor: 254) { number in
            number.major == 7 ? ByteString("loop\(number.minor)") : nil
        }
        var drawing = TreeDrawing(
            try TreeOptions(ByteString(options), symbols: .ascii), names: names, width: width)
        return String(decoding: drawing.draw(tree), as: UTF8.self)
    }

    private static let drawings: [(options: String, text: String)] = [
        (
            "",
            """
            top (254:3)
             |- (7:1)
             `-mid (254:2)
                |-base1 (254:1)
                |  `- (7:1)
                `-base0 (254:0)
                   `- (7:0)
            top2 (254:4)
             `-mid (254:2)
                |-base1 (254:1)
                |  `- (7:1)
                `-base0 (254:0)
                   `- (7:0)

            """
        ),
        (
            "inverted",
            """
             (7:0)
             `-base0 (254:0)
                `-mid (254:2)
                   |-top (254:3)
                   `-top2 (254:4)
             (7:1)
             |-base1 (254:1)
             |  `-mid (254:2)
             |     |-top (254:3)
             |     `-top2 (254:4)
             `-top (254:3)

            """
        ),
        (
            "device,blkdevname,uuid,active,open,rw,notrunc",
            """
            top <dm-3> (254:3) [ACTIVE, RW, 0, ]
             |- <loop1> (7:1)
             `-mid <dm-2> (254:2) [ACTIVE, RW, 2, ]
                |-base1 <dm-1> (254:1) [ACTIVE, RW, 1, U-base1]
                |  `- <loop1> (7:1)
                `-base0 <dm-0> (254:0) [ACTIVE, RW, 1, ]
                   `- <loop0> (7:0)
            top2 <dm-4> (254:4) [ACTIVE, RW, 0, ]
             `-mid <dm-2> (254:2) [ACTIVE, RW, 2, ]
                |-base1 <dm-1> (254:1) [ACTIVE, RW, 1, U-base1]
                |  `- <loop1> (7:1)
                `-base0 <dm-0> (254:0) [ACTIVE, RW, 1, ]
                   `- <loop0> (7:0)

            """
        ),
        (
            "compact",
            """
            top (254:3)-+- (7:1)
                        `-mid (254:2)-+-base1 (254:1)--- (7:1)
                                      `-base0 (254:0)--- (7:0)
            top2 (254:4)---mid (254:2)-+-base1 (254:1)--- (7:1)
                                          `-base0 (254:0)--- (7:0)

            """
        ),
        (
            "utf",
            """
            top (254:3)
             ├─ (7:1)
             └─mid (254:2)
                ├─base1 (254:1)
                │  └─ (7:1)
                └─base0 (254:0)
                   └─ (7:0)
            top2 (254:4)
             └─mid (254:2)
                ├─base1 (254:1)
                │  └─ (7:1)
                └─base0 (254:0)
                   └─ (7:0)

            """
        ),
    ]

    @Test("the tree is dmsetup's", arguments: drawings)
    func draws(options: String, text: String) throws { #expect(try draw(options) == text) }

    private static let cutDrawings: [(options: String, text: String)] = [
        ("nodevice", "bare\n"), ("de", "bare (254:0)\n `- (7:0)\n"),
        ("nodevice,blkdevname", "bare <dm-0>\n `- <loop0>\n"),
        ("vt100", "bare (254:0)\n \u{1b}(0\u{0f}mq\u{1b}(B (7:0)\n"),
    ]

    @Test("options may be cut, and combined", arguments: cutDrawings)
    func options(options: String, text: String) throws {
        let bare = [Self.description("bare", 0, opens: 0, [Self.number(7, 0)])]
        #expect(try draw(options, devices: bare) == text)
    }

    @Test("an unknown option is refused")
    func refuses() {
        let refusal = #expect(throws: Refusal.self) { try draw("utf,foo") }
        #expect(refusal?.lines == ["Tree options not recognised: foo."])
    }

    @Test(
        "a line is cut at the terminal's width, with dots",
        arguments: [(12, "top (254:3)"), (11, "top (254:3)"), (10, "top (254:...")])
    func truncates(width: Int, first: String) throws {
        let text = try draw("", width: width)
        #expect(text.split(separator: "\n").first.map(String.init) == first)
    }

    @Test("a deep stack is read without recursion")
    func deepStack() throws {
        let deep = (0..<20_000).map { index in
            Self.description(
                "d\(index)", UInt32(index), opens: 0,
                index == 0 ? [] : [Self.number(254, UInt32(index - 1))])
        }
        let tree = DependencyTree { number throws(Refusal) in
            number.minor < deep.count ? deep[Int(number.minor)] : nil
        }
        try tree.add(Self.number(254, 19_999))
        #expect(tree.topLevel.count == 1)
        #expect(tree.bottomLevel.first?.name == ByteString("d0"))
    }
}
