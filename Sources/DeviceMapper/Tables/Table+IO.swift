import SystemPackage

/// The data path through one table: split, map, send down.
extension Table {
    /// Maps the whole of an admitted request, flushes aside, against this table, and sends it on.
    /// Does not wait.
    func submit(_ request: IORequest) {
        let offset = request.offset
        let length = UInt64(request.length)
        // The table may have become shorter since the client looked at its size.
        guard offset <= size.bytes, length <= size.bytes - offset else {
            return request.finish(.ioError)
        }
        guard length > 0 else { return request.finish(nil) }
        if request.operation.isRange { return spread(request) }
        let fits = withTarget(of: offset) { target -> Bool in
            guard target.run(from: offset) >= length else { return false }
            send(request, to: target, at: offset)
            return true
        }
        if !fits { split(request) }
    }

    /// `request` crosses no boundary of `target`.
    private func send(_ request: IORequest, to target: Target, at offset: UInt64) {
        assert(offset >= target.begin && UInt64(request.length) <= target.end - offset)
        send(request, to: target, target.map(request.operation, at: offset))
    }

    private func send(_ request: IORequest, to target: Target, _ mapping: Mapping) {
        switch mapping {
        case .remapped(let lower, let lowerOffset, let tag):
            if let tag { request.watch(Unmanaged.passUnretained(target), tag: tag) }
            request.offset = lowerOffset
            // The request may end in there, and with it what keeps this table: neither that nor the
            // lower device is touched after it.
            lower._withUnsafeGuaranteedRef { $0.submit(request) }
        case .zeroes:
            request.finish(request.fillWithZeroes())
        case .failed(let error):
            request.finish(error)
        case .held(let tag):
            target.hold(request, tag: tag)
        }
    }

    /// Cuts the request at the boundaries of targets and chunks. All parts but the last may be
    /// handed to other threads, so that they run side by side where that takes time; the last runs
    /// where we are. One that keeps its order stays here with all its parts.
    private func split(_ request: IORequest) {
        let begin = request.offset
        let length = request.length
        request.willSplit()
        var done = 0
        while done < length {
            let offset = begin + UInt64(done)
            let sent = withTarget(of: offset) { target -> Int? in
                let share = min(UInt64(length - done), target.end - offset)
                if let round = target.round, share > round, request.mayScatter {
                    let most = round * UInt64(Stretches.maximum - 1)
                    return gather(request, done, offset, Int(min(share, most)), target)
                }
                let partLength = Int(min(share, target.run(from: offset)))
                precondition(partLength > 0, "a target takes nothing")
                guard let part = RequestPool.shared.take(for: request) else { return nil }
                part.becomePart(of: request, from: done, length: partLength, offset: offset)
                submit(part, of: request, isLast: done + partLength == length) {
                    send(part, to: target, at: offset)
                }
                return partLength
            }
            guard let sent else {
                request.report(.noMemory)
                break
            }
            done += sent
        }
        request.partsSubmitted()
    }

    /// More than a round of a target: one part for each of its lower devices, whose chunks follow
    /// each other there. `share` bytes, at byte `offset` of the device, after `done` of the request;
    /// gives them back. Nil: there is no memory for all of the parts.
    private func gather(
        _ request: IORequest, _ done: Int, _ offset: UInt64, _ share: Int, _ target: Target
    ) -> Int? {
        for index in 0..<target.rangeParts {
            let (mapping, length) = target.mapRange(
                request.operation, from: offset, to: offset + UInt64(share), part: index)
            let (start, stretches) = target.stretches(from: offset, part: index)
            guard let part = RequestPool.shared.take(for: request) else { return nil }
            part.becomePart(
                of: request, from: done + start, stretches, length: Int(length), offset: offset)
            let isLast = done + share == request.length && index == target.rangeParts - 1
            submit(part, of: request, isLast: isLast) { send(part, to: target, mapping) }
        }
        return share
    }

    private func submit(
        _ part: IORequest, of request: IORequest, isLast: Bool, _ send: () -> Void
    ) {
        part.prefersOtherThread = request.prefersOtherThread
        part.mayRunBeside = request.mayRunBeside || !isLast && !request.keepsOrder
        request.willSubmitPart()
        send()
    }

    /// Cuts a discard or write-zeroes at the boundaries of targets, and lets each say what becomes
    /// of its share.
    private func spread(_ request: IORequest) {
        let end = request.offset + UInt64(request.length)
        request.willSplit()
        var offset = request.offset
        while offset < end {
            withTarget(of: offset) { target in
                let shareEnd = min(end, target.end)
                for index in 0..<target.rangeParts {
                    let share = target.mapRange(
                        request.operation, from: offset, to: shareEnd, part: index)
                    guard share.length > 0 else { continue }
                    guard let part = RequestPool.shared.take(for: request) else {
                        request.report(.noMemory)
                        offset = end
                        return
                    }
                    part.becomePart(
                        of: request, from: 0, length: Int(share.length), offset: offset)
                    part.prefersOtherThread =
                        request.prefersOtherThread || !request.keepsOrder
                    request.willSubmitPart()
                    send(part, to: target, share.mapping)
                }
                offset = shareEnd
            }
        }
        request.partsSubmitted()
    }

    /// The caller holds the table. A flush goes to each distinct lower device once, through its
    /// mapped device where it is one; and by way of the targets that want to map it. One of our own
    /// passes these by: it is for devices about to be suspended or removed.
    func flush(_ request: IORequest) {
        let targets = request.bypassesSuspension ? [] : flushTargets
        let devices = request.bypassesSuspension ? lowerDevices : flushedDirectly
        if targets.isEmpty && devices.count == 1 { return devices[0].submit(request) }
        request.willSplit()
        let count = targets.count + devices.count
        for index in 0..<count {
            guard let part = RequestPool.shared.take(for: request) else {
                request.report(.noMemory)
                break
            }
            part.becomePart(of: request, from: 0, length: 0, offset: 0)
            part.prefersOtherThread =
                request.prefersOtherThread || index + 1 < count && !request.keepsOrder
            request.willSubmitPart()
            if index < targets.count {
                send(part, to: targets[index], at: targets[index].begin)
            } else {
                devices[index - targets.count].submit(part)
            }
        }
        request.partsSubmitted()
    }
}
