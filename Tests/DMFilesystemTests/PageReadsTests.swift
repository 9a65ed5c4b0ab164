import DeviceMapper
import Testing

@testable import DMFilesystem

/// Which pages may hold something older than a write.
@Suite struct PageReadsTests {
    private let reads = PageReads()
    private let one = NodeNumber(.device(minor: 1, generation: 1))
    private let other = NodeNumber(.device(minor: 2, generation: 1))

    private func pages(_ range: Range<UInt64>) -> Range<UInt64> {
        range.lowerBound * KernelPages.pageSize..<range.upperBound * KernelPages.pageSize
    }

    @Test("a read is seen by what touches one of its pages, from its time on, also when it is over")
    func seen() {
        #expect(!reads.sawRead(of: one, pages(0..<100), since: 0))
        reads.begin(one, pages(3..<5), at: 70).end()
        for time: UInt64 in [0, 69, 70] {
            #expect(reads.sawRead(of: one, pages(4..<9), since: time))
        }
        #expect(!reads.sawRead(of: one, pages(4..<9), since: 71))
        #expect(!reads.sawRead(of: one, pages(0..<3), since: 0))
        #expect(!reads.sawRead(of: one, pages(5..<6), since: 0))
        #expect(!reads.sawRead(of: other, pages(3..<5), since: 0))
        // A byte of the page is the page.
        let byte = 5 * KernelPages.pageSize - 1
        #expect(reads.sawRead(of: one, byte..<byte + 1, since: 70))
        #expect(!reads.sawRead(of: one, byte + 1..<byte + 2, since: 70))
    }

    @Test("the newest read counts, in whatever order they are noted")
    func newest() {
        reads.begin(one, pages(0..<1), at: 9).end()
        reads.begin(one, pages(0..<1), at: 8).end()
        #expect(reads.sawRead(of: one, pages(0..<1), since: 9))
    }

    @Test("pages are being read until each read of them is answered")
    func underWay() {
        let first = reads.begin(one, pages(1..<3), at: 1)
        let second = reads.begin(one, pages(2..<4), at: 1)
        first.end()
        #expect(!reads.isReading(one, pages(1..<2)))
        #expect(reads.isReading(one, pages(2..<3)))
        second.end()
        #expect(!reads.isReading(one, pages(0..<100)))
    }

    @Test("a read of more pages than there are slots is seen everywhere, and ends")
    func large() {
        let mark = reads.begin(one, pages(7..<100_000), at: 1)
        #expect(reads.isReading(other, pages(0..<1)))
        mark.end()
        #expect(!reads.isReading(other, pages(0..<100_000)))
    }

    @Test("who waited for the newest read of each page")
    func clients() {
        reads.begin(one, pages(0..<4), at: 1, for: 70).end()
        reads.begin(one, pages(2..<3), at: 1, for: 71).end()
        reads.begin(one, pages(3..<4), at: 1).end()
        #expect(reads.clients(one, pages(0..<4)) == [70, 71])
        #expect(reads.clients(one, pages(3..<5)) == [])
    }

    @Test("at the end of what a file can be")
    func end() {
        let last = UInt64(Int64.max) - 1..<UInt64(Int64.max)
        reads.begin(one, last, at: 1).end()
        #expect(reads.sawRead(of: one, last, since: 1))
    }
}
