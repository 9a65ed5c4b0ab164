/// Things in order of arrival: a queue without a shift of the rest at each step.
struct FIFO<Element> {
    private var elements: [Element?] = []
    private var head = 0

    var count: Int { elements.count - head }
    var isEmpty: Bool { count == 0 }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func popFirst() -> Element? {
        guard head < elements.count else { return nil }
        let first = elements[head]
        elements[head] = nil
        head += 1
        if head == elements.count {
            elements.removeAll(keepingCapacity: elements.capacity <= 1024)
            head = 0
        } else if head >= 1024, head * 2 >= elements.count {
            elements.removeFirst(head)
            head = 0
        }
        return first
    }

    /// Takes the first that matches out of the middle. Linear: for what is rare.
    mutating func remove(where matches: (Element) -> Bool) -> Element? {
        let index = elements[head...].firstIndex { element in element.map(matches) ?? false }
        guard let index else { return nil }
        return elements.remove(at: index)
    }

    func contains(where matches: (Element) -> Bool) -> Bool {
        elements[head...].contains { element in element.map(matches) ?? false }
    }

    mutating func takeAll() -> [Element] {
        defer { self = FIFO() }
        return elements[head...].compactMap { $0 }
    }
}
