import SystemPackage

/// The data path through one table: split, map, send down.
extension Table {
    /// Maps the whole of an admitted request, flushes aside, against this table, and sends it on.
    /// Does not wait.
    func submit(_ request: IORequest) {
        if request.operation.isChange, let error = refusal(of: request.operation) {
            return request.finish(error)
        }
        let offset = request.offset
        let length = UInt64(request.length)
        // The table may have become shorter since the client looked at its size.
        guard offset <= size.bytes, length <= size.bytes - offset else {
            return request.finish(.ioError)
        }
        guard length > 0 else { return request.finish(nil) }
        if let blocks { return blocks._withUnsafeGuaranteedRef { $0.submit(request) } }
        submitBlocks(request)
    }

    /// The same of a request within the table, of whole blocks where a target takes nothing less.
    @inline(__always)
    func submitBlocks(_ request: IORequest) {
        let offset = request.offset
        let length = UInt64(request.length)
        if request.operation.isRange { return beginCut(request) }
        let fits = withTarget(of: offset) { target -> Bool in
            guard target.run(from: offset) >= length else { return false }
            send(request, to: target, at: offset)
            return true
        }
        if !fits { beginCut(request) }
    }

    /// `request` crosses no boundary of `target`.
    private func send(_ request: IORequest, to target: Target, at offset: UInt64) {
        assert(offset >= target.begin && UInt64(request.length) <= target.end - offset)
        send(request, to: target, target.map(request.operation, at: offset))
    }

    private func send(_ request: IORequest, to target: Target, _ mapping: Mapping) {
        switch mapping {
        case .remapped(let lower, let lowerOffset, let hearing):
            switch hearing {
            case .none: break
            case .end(let tag): request.watch(target.asWatcher, tag: tag)
            case .endWithBytes(let tag):
                request.watch(target.asWatcher, tag: tag)
                request.readIntoMemory()
            }
            request.offset = lowerOffset
            // The request may end in there, and with it what keeps this table: neither that nor the
            // lower device is touched after it.
            lower._withUnsafeGuaranteedRef { $0.submit(request) }
        case .zeroes:
            request.finish(request.fillWithZeroes())
        case .failed(let error):
            request.finish(error)
        case .taken:
            target.take(request)
        }
    }

    /// The caller holds the table. A flush goes to each distinct lower device once, through its
    /// mapped device where it is one; and by way of the targets that want to map it. One of our own
    /// passes these by: it is for devices about to be suspended or removed.
    func flush(_ request: IORequest) {
        let count = flushPartCount(of: request)
        if count == 1, request.bypassesSuspension || flushTargets.isEmpty {
            return flushDevices(of: request)[0].submit(request)
        }
        beginCut(request)
    }

    private func flushDevices(of request: IORequest) -> [LowerDevice] {
        request.bypassesSuspension ? lowerDevices : flushedDirectly
    }

    private func flushPartCount(of request: IORequest) -> Int {
        let targets = request.bypassesSuspension ? 0 : flushTargets.count
        return targets + flushDevices(of: request).count
    }

    // MARK: Parts

    /// Cuts a request into parts: at the boundaries of targets and chunks, a flush by lower devices. All
    /// parts but the last may be handed to other threads, so that they run side by side where that takes
    /// time; the last runs where we are.
    private func beginCut(_ request: IORequest) {
        request.cut = Cut(table: Unmanaged.passUnretained(self))
        cutOn(request)
    }

    /// Goes on where the cutting stopped, on whatever thread the last part ended. It stops while there
    /// are many parts of all requests: a discard of a long table, or thousands of requests that a
    /// suspended device held, would else be a part for each chunk of them at once.
    func cutOn(_ request: IORequest) {
        repeat {
            request.willSplit()
            while request.cut.table != nil, !request.shouldPause {
                let error: Errno?
                if request.wasGivenUp {
                    error = .interrupted
                } else {
                    error = cutOne(request) ? nil : .noMemory
                }
                if let error {
                    request.report(error)
                    request.cut = Cut()
                }
            }
        } while request.partsSubmitted()
    }

    /// Sends the next part on, and notes where the one after it begins; `cut.table` nil: there is none.
    /// False: there is no memory.
    private func cutOne(_ request: IORequest) -> Bool {
        switch request.operation {
        case .flush: cutFlush(request)
        case .discard, .writeZeroes: cutRange(request)
        case .read, .write: cutBytes(request)
        }
    }

    /// Takes a part, and makes it the one that `become` says. `next`: where the cutting goes on after
    /// it. False: there is no memory.
    private func take(
        for request: IORequest, next: Cut?, _ become: (IORequest) -> Void,
        _ send: (IORequest) -> Void
    ) -> Bool {
        request.sendMore { part in
            become(part)
            request.cut = next ?? Cut()
            send(part)
        }
    }

    private func cutBytes(_ request: IORequest) -> Bool {
        let cut = request.cut
        let offset = request.offset + UInt64(cut.done)
        let left = request.length - cut.done
        return withTarget(of: offset) { target in
            let share = min(UInt64(left), target.end - offset)
            if let round = target.round, share > round, request.mayScatter {
                let most = round * UInt64(Stretches.maximum - 1)
                return cutByDevice(request, offset, Int(min(share, most)), target)
            }
            let length = Int(min(share, target.run(from: offset)))
            precondition(length > 0, "a target takes nothing")
            let isLast = length == left
            return take(for: request, next: isLast ? nil : cut.after(length)) { part in
                part.becomePart(of: request, from: cut.done, length: length, offset: offset)
                if !isLast { part.placement = request.placement.ifFast }
            } _: {
                send($0, to: target, at: offset)
            }
        }
    }

    /// More than a round of a target: one part for each of its lower devices, whose chunks follow
    /// each other there. `share` bytes, at byte `offset` of the device.
    private func cutByDevice(
        _ request: IORequest, _ offset: UInt64, _ share: Int, _ target: Target
    ) -> Bool {
        let cut = request.cut
        let isLastOfShare = cut.part == target.partsByDevice - 1
        let isLast = isLastOfShare && cut.done + share == request.length
        let next = isLastOfShare ? cut.after(share) : cut.afterPart()
        let (mapping, length) = target.mapPart(
            request.operation, from: offset, to: offset + UInt64(share), part: cut.part)
        let (start, stretches) = target.stretches(from: offset, part: cut.part)
        return take(for: request, next: isLast ? nil : next) { part in
            part.becomePart(
                of: request, from: cut.done + start, stretches, length: Int(length),
                offset: offset)
            if !isLast { part.placement = request.placement.ifFast }
        } _: {
            send($0, to: target, mapping)
        }
    }

    /// A discard or write-zeroes: each target says what becomes of its share.
    private func cutRange(_ request: IORequest) -> Bool {
        let cut = request.cut
        let offset = request.offset + UInt64(cut.done)
        let end = request.offset + UInt64(request.length)
        return withTarget(of: offset) { target in
            let shareEnd = min(end, target.end)
            if request.operation == .writeZeroes, target.encodesZeroes {
                return writeZeroes(request, offset..<shareEnd, target)
            }
            let isLastOfShare = cut.part == target.partsByDevice - 1
            let next =
                isLastOfShare
                ? (shareEnd == end ? nil : cut.after(Int(shareEnd - offset))) : cut.afterPart()
            let share = target.mapPart(
                request.operation, from: offset, to: shareEnd, part: cut.part)
            guard share.length > 0 else {
                request.cut = next ?? Cut()
                return true
            }
            return take(for: request, next: next) { part in
                part.becomePart(
                    of: request, from: 0, length: Int(share.length), offset: offset)
            } _: { part in
                part.placement = .handOver
                send(part, to: target, share.mapping)
            }
        }
    }

    /// The next part of a write-zeroes, `bytes` of it within a target for which it is a write.
    private func writeZeroes(
        _ request: IORequest, _ bytes: Range<UInt64>, _ target: Target
    ) -> Bool {
        guard let zeroes = Payload.zeroes else { return false }
        let run = min(target.run(from: bytes.lowerBound), UInt64(zeroes.capacity))
        let share = bytes.lowerBound..<min(bytes.upperBound, bytes.lowerBound + run)
        let next = request.cut.after(share.count)
        return take(for: request, next: next.done == request.length ? nil : next) { part in
            part.becomePart(of: request, .write, of: share, with: zeroes)
            part.placement = .handOver
        } _: {
            send($0, to: target, at: share.lowerBound)
        }
    }

    private func cutFlush(_ request: IORequest) -> Bool {
        let cut = request.cut
        let count = flushPartCount(of: request)
        guard cut.part < count else {
            request.cut = Cut()
            return true
        }
        let devices = flushDevices(of: request)
        let isLast = cut.part == count - 1
        return take(for: request, next: isLast ? nil : cut.afterPart()) { part in
            part.becomePart(of: request, from: 0, length: 0, offset: 0)
        } _: { part in
            if !isLast { part.placement = .handOver }
            let targetCount = count - devices.count
            if cut.part < targetCount {
                send(part, to: flushTargets[cut.part], at: flushTargets[cut.part].begin)
            } else {
                devices[cut.part - targetCount].submit(part)
            }
        }
    }
}

/// Where the cutting of a request goes on.
struct Cut {
    /// The table that cuts it, which is live while the request is in flight there. Nil: there is nothing
    /// left to cut.
    private(set) var table: Unmanaged<Table>?
    /// Bytes of it that are cut.
    private(set) var done = 0
    /// Parts that are cut of what follows: one for each lower device of a target, or of a flush.
    private(set) var part = 0

    init(table: Unmanaged<Table>? = nil) { self.table = table }

    /// After so many bytes more.
    func after(_ length: Int) -> Cut {
        var next = self
        next.done += length
        next.part = 0
        return next
    }

    func afterPart() -> Cut {
        var next = self
        next.part += 1
        return next
    }
}
