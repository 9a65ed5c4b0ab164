#if FUZZING
    import DMTestSupport
    import DeviceMapper
    import Glibc

    /// One input of libFuzzer's: inputs of ours, one after the other, on a fresh registry.
    ///
    /// Each is a byte that chooses the surface, a u16 length, and so many bytes, or the rest.
    struct Case {
        enum Surface: UInt8, CaseIterable {
            /// u32 ioctl number, argument: carried out.
            case request
            /// u8 command, reply: parsed as the client does.
            case reply
            /// What a client sends, from its hello on: served.
            case frames
            /// Lines of a table, as the command line reads them: parsed and loaded.
            case table
            /// `create --concise`.
            case concise
            /// `-S`.
            case selection
            /// A message of the log: the line that syslog gets.
            case log
        }

        static let headSize = 3

        let inputs: [(surface: Surface, bytes: ArraySlice<UInt8>)]

        init(_ bytes: [UInt8]) {
            var inputs: [(Surface, ArraySlice<UInt8>)] = []
            var rest = bytes[...]
            while rest.count >= Case.headSize {
                let head = Array(rest.prefix(Case.headSize))
                let number = head[0] % UInt8(Surface.allCases.count)
                guard let surface = Surface(rawValue: number) else { break }
                rest = rest.dropFirst(Case.headSize)
                let length = Int(head[1]) | Int(head[2]) << 8
                inputs.append((surface, rest.prefix(length)))
                rest = rest.dropFirst(length)
            }
            self.inputs = inputs
        }

        static func encode(_ inputs: [(Surface, [UInt8])]) -> [UInt8] {
            inputs.flatMap { surface, bytes in
                [
                    surface.rawValue, UInt8(truncatingIfNeeded: bytes.count),
                    UInt8(truncatingIfNeeded: bytes.count >> 8),
                ] + bytes
            }
        }

        /// Runs all of them, and checks that nothing of it is left.
        func run() {
            weak var gone: DeviceRegistry?
            do {
                let bench = Bench()
                gone = bench.devices.registry
                for (surface, bytes) in inputs {
                    counts[Int(surface.rawValue)] += 1
                    bench.run(surface, Array(bytes))
                }
                bench.end()
            }
            precondition(gone == nil, "the registry was not freed")
        }
    }

    /// Inputs so far, by surface. One thread.
    nonisolated(unsafe) var counts = [Int](repeating: 0, count: Case.Surface.allCases.count)

    /// After so many inputs the run ends; nil: libFuzzer's options say when.
    let inputLimit = getenv("DMFUSE_FUZZ_INPUTS").flatMap { Int(String(cString: $0)) }

    @_extern(c, "__lsan_do_recoverable_leak_check")
    func leakCheck() -> CInt

    @c func fuzzOne(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
        Case(Array(UnsafeBufferPointer(start: bytes, count: count))).run()
        if let inputLimit, counts.reduce(0, +) >= inputLimit {
            // Not by exit(3), which libFuzzer takes for a failure.
            reportCounts()
            fflush(nil)
            _exit(leakCheck() == 0 ? 0 : 1)
        }
        return 0
    }

    @c func reportCounts() {
        let parts = zip(Case.Surface.allCases, counts).map { "\($1) \($0)" }
        print("inputs: \(counts.reduce(0, +)): \(parts.joined(separator: ", "))")
    }
#endif
