import DeviceMapper
import SystemPackage

/// TARGET_MSG: the data is a u64 sector and a text, for the target there or, beginning with "@",
/// for the device. ENXIO. EINVAL: empty, no table, sector outside, or nobody takes such a message.
///
/// A text in answer comes with DATA_OUT set, or DATA_OUT and BUFFER_FULL if it doesn't fit.
enum TargetMessage: Command {
    static let command = DMCommand.targetMessage
    static let hasData = true
    static let mayBlock = true

    static func run(_ call: inout CommandCall) throws(DMError) {
        let reference = try call.reference()
        call.setFound(try call.registry.info(reference))
        let start = Int(call.head.dataStart)
        guard start >= DMIoctl.dataOffset, let text = call.string(at: start + 8) else {
            throw DMError(.invalidArgument, "Invalid target message parameters.")
        }
        let sector: UInt64 = call.bytes.number(at: start)
        let buffer = call.resultBuffer()
        let words = TableLine(start: 0, length: 0, targetType: .empty, parameters: text).words()
        let (info, answer) = try call.registry.message(
            reference, sector: sector, words: words, call.interrupt)
        call.setStatus(info)
        guard let answer else { return }
        call.head.flags.insert(.dataOut)
        guard answer.count + 1 < buffer.count else {
            call.head.flags.insert(.bufferFull)
            return
        }
        let end = call.bytes.setCString(answer.bytes, at: buffer.lowerBound)
        call.head.dataSize = UInt32(end)
    }
}
