import DeviceMapper
import Testing

@testable import DMFilesystem

/// When answers that tell a device's size are kept back.
@Suite struct SizeGateTests {
    private final class Answers: @unchecked Sendable {
        // @unchecked: of one thread.
        var given: [Int] = []
    }

    private let gate = SizeGate()
    private let answers = Answers()
    private let one = NodeNumber(.device(minor: 1, generation: 1))
    private let other = NodeNumber(.device(minor: 2, generation: 1))

    /// Whether it was kept back.
    private func ask(_ node: NodeNumber, _ number: Int) -> Bool {
        gate.postpone(node) { [answers] in answers.given.append(number) }
    }

    @Test("an answer waits for the notification about its own device, and no longer")
    func waits() {
        #expect(!ask(one, 1))
        gate.close(one)
        #expect(ask(one, 2))
        #expect(!ask(other, 3))
        #expect(ask(one, 4))
        #expect(answers.given == [])
        gate.open(one)
        #expect(answers.given == [2, 4])
        #expect(!ask(one, 5))
    }

    @Test("two notifications about one device: the answers come after both")
    func nested() {
        gate.close(one)
        gate.close(one)
        #expect(ask(one, 1))
        gate.open(one)
        #expect(answers.given == [])
        #expect(ask(one, 2))
        gate.open(one)
        #expect(answers.given == [1, 2])
        gate.close(other)
        gate.open(other)
        #expect(answers.given == [1, 2])
    }

    @Test("at the end all answers are given, and none is kept back any more")
    func ends() {
        gate.close(one)
        gate.close(other)
        #expect(ask(one, 1))
        #expect(ask(other, 2))
        gate.end()
        #expect(answers.given.sorted() == [1, 2])
        #expect(!ask(one, 3))
        gate.open(one)
        gate.open(other)
        #expect(answers.given.count == 2)
    }

    @Test("what follows a SETATTR waits a moment")
    func settles() {
        #expect(gate.settingTime == 0)
        gate.noteSetting()
        #expect(gate.settingTime <= 20)
    }
}
