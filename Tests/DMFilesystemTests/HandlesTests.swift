import Testing

@testable import DMFilesystem

@Suite struct HandlesTests {
    private final class File: Sendable {}

    @Test("a number finds its file until it is removed")
    func findsFile() {
        let handles = Handles<File>()
        let file = File()
        let number = handles.insert(file)
        #expect(handles.file(number) === file)
        #expect(handles.remove(number) === file)
        #expect(handles.file(number) == nil)
        #expect(handles.remove(number) == nil)
    }

    @Test("a number is not given out again")
    func numbersAreUnique() {
        let handles = Handles<File>()
        var numbers = Set<UInt64>()
        for _ in 0..<100 {
            let number = handles.insert(File())
            #expect(numbers.insert(number).inserted)
            _ = handles.remove(number)
        }
    }

    @Test("nor after the slots of very many were forgotten")
    func forgetsSlots() {
        let handles = Handles<File>()
        var numbers = Set<UInt64>()
        for _ in 0..<3 {
            let some = (0..<3000).map { _ in handles.insert(File()) }
            for number in some {
                #expect(numbers.insert(number).inserted)
                #expect(handles.remove(number) != nil)
            }
            #expect(some.allSatisfy { handles.file($0) == nil })
        }
    }

    @Test("no number from outside traps", arguments: [0, 1, UInt64.max, 1 << 32, 0xffff_ffff])
    func strangeNumbers(number: UInt64) {
        let handles = Handles<File>()
        #expect(handles.file(number) == nil)
        let known = handles.insert(File())
        if number != known { #expect(handles.remove(number) == nil) }
    }

    @Test("at the end all that are left come back, once")
    func removesAll() {
        let handles = Handles<File>()
        let numbers = (0..<5).map { _ in handles.insert(File()) }
        _ = handles.remove(numbers[2])
        #expect(handles.removeAll().count == 4)
        #expect(handles.removeAll().isEmpty)
        #expect(handles.file(numbers[0]) == nil)
    }
}
