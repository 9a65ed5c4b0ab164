import DeviceMapper

/// Which rows `-S` lets through.
struct RowSelection<Row> {
    indirect enum Node {
        case comparison(Comparison)
        case all([Node])
        case any([Node])
        case not(Node)
    }

    struct Comparison {
        enum Test {
            case equal, notEqual, greater, greaterOrEqual, less, lessOrEqual
            case matches(Pattern)
            case matchesNot(Pattern)
        }

        let field: ReportField<Row>
        let test: Test
        let text: ByteString
        let number: UInt64
    }

    let root: Node

    /// What the compared fields need to know of a row.
    var categories: ReportCategory {
        comparisons(root).reduce(into: []) { $0.formUnion($1.field.category) }
    }

    /// Hidden columns for compared fields that aren't shown.
    func columns(besides shown: [FieldSelection<Row>.Column]) -> [FieldSelection<Row>.Column] {
        var ids = Set(shown.map(\.field.id))
        return comparisons(root).compactMap { comparison in
            guard ids.insert(comparison.field.id).inserted else { return nil }
            return FieldSelection<Row>.Column(field: comparison.field, isHidden: true)
        }
    }

    func matches(_ columns: [FieldSelection<Row>.Column], _ values: [ReportValue]) -> Bool {
        matches(root) { id in columns.firstIndex { $0.field.id == id }.map { values[$0] } }
    }

    private func matches(_ node: Node, _ value: (_ id: String) -> ReportValue?) -> Bool {
        switch node {
        case .all(let nodes): nodes.allSatisfy { matches($0, value) }
        case .any(let nodes): nodes.contains { matches($0, value) }
        case .not(let node): !matches(node, value)
        case .comparison(let comparison): value(comparison.field.id).map(comparison.holds) ?? true
        }
    }

    private func comparisons(_ node: Node) -> [Comparison] {
        switch node {
        case .comparison(let comparison): [comparison]
        case .all(let nodes), .any(let nodes): nodes.flatMap(comparisons)
        case .not(let node): comparisons(node)
        }
    }
}

extension RowSelection.Comparison {
    fileprivate func holds(_ value: ReportValue) -> Bool {
        switch test {
        case .matches(let pattern): return pattern.matches(value.text)
        case .matchesNot(let pattern): return !pattern.matches(value.text)
        default: break
        }
        guard case .number(let key) = value.sortKey else {
            if case .notEqual = test { return value.text != text }
            return value.text == text
        }
        return switch test {
        case .equal: key == number
        case .notEqual: key != number
        case .greater: key > number
        case .greaterOrEqual: key >= number
        case .less: key < number
        case .lessOrEqual: key <= number
        case .matches, .matchesNot: true
        }
    }
}
