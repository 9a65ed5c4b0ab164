#if FUZZING
    import DeviceMapper

    @testable import DMCommandLine

    /// `-S` over rows of one name and one number.
    enum SelectionSurface {
        private typealias Row = (name: String, number: UInt32)

        private static var fields: [ReportField<Row>] {
            [
                ReportField(
                    id: "name", heading: "Name", width: 8, kind: .string, category: .task,
                    explanation: ""
                ) { row in ReportValue(row.name) },
                ReportField(
                    id: "minor", heading: "Min", width: 3, kind: .number, category: .info,
                    explanation: ""
                ) { row in ReportValue(number: row.number) },
            ]
        }

        static func run(_ bytes: [UInt8]) {
            // Nested repetitions take the C library's regular expressions for ever and all memory,
            // and dmsetup's own too: whoever writes them waits.
            let isRepetition = { (byte: UInt8) in "{*+".utf8.contains(byte) }
            guard !bytes.contains(UInt8(ascii: "~")) || !bytes.contains(where: isRepetition) else {
                return
            }
            guard
                let selection = try? SelectionParser<Row>.parse(ByteString(bytes), fields: fields)
            else { return }
            let columns = selection.columns(besides: [])
            for row: Row in [("", 0), ("name", 7)] {
                let values = columns.compactMap { try? $0.field.value(row) }
                _ = selection.matches(columns, values)
            }
        }
    }
#endif
