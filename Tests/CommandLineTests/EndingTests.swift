import DMTestSupport
import DeviceMapper
import Testing

@testable import DMCommandLine

@Suite struct EndingTests {
    @Test("the session's end during an unmount that fails ends the daemon")
    func remembersSessionEnd() {
        let ending = Ending()
        #expect(ending.beginUnmount())
        ending.finish(.sessionEnded)
        ending.abandonUnmount()
        #expect(ending.wait() == .sessionEnded)
    }

    @Test("a signal during a client's unmount waits for how that ends")
    func unmountComesFirst() {
        let ending = Ending()
        #expect(ending.beginUnmount())
        ending.finish(.signal(15))
        ending.finish(.unmounted)
        #expect(ending.wait() == .unmounted)
        #expect(!ending.beginUnmount())
    }
}
