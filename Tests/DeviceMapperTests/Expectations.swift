import DMTestSupport
import DeviceMapper
import SystemPackage
import Testing

/// Expects that `body` is refused with that errno, whatever the message.
func expectErrno<Value>(
    _ errno: Errno, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws(DMError) -> Value
) {
    let error = refusal(body)
    #expect(error?.errno == errno, sourceLocation: sourceLocation)
}
