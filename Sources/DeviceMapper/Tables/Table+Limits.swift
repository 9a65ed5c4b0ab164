import SystemPackage

/// What a device with this table can do, from what its lower devices can at this moment.
extension Table {
    /// The limits of the device, and whether each lower device is long enough and each line aligned
    /// to the blocks of what it stands on. EINVAL, in the words of the kernel's
    /// `dm_calculate_queue_limits` and what that calls. Also notes of what blocks requests must be
    /// (`takeBlocks`). Asks files for their sizes: no lock held.
    func measure() throws(DMError) -> QueueLimits {
        // Each device is asked once, however many lines use it.
        var known: [ObjectIdentifier: (size: UInt64, limits: QueueLimits)] = [:]
        for device in lowerDevices {
            known[ObjectIdentifier(device)] = (device.size.count, device.limits)
        }
        var limits = QueueLimits.stacking
        var takesDiscards = true
        var takesWriteZeroes = true
        /// What a request must be whole blocks of.
        var ofRequests: UInt32 = 1
        /// The logical block size of what each line stands on.
        var blockSizes: [UInt32] = []
        blockSizes.reserveCapacity(targetCount)
        var refused: DMError?
        forEachTarget { target in
            guard refused == nil else { return }
            let areas = target.lowerAreas()
            var ofTarget = QueueLimits.stacking
            var discards = target.forwardsDiscards && !areas.isEmpty
            var writeZeroes = target.forwardsWriteZeroes && !areas.isEmpty
            for area in areas {
                let below = known[ObjectIdentifier(area.device)]?.limits ?? QueueLimits()
                ofTarget.stack(below, at: area.start)
                if area.device.isBacking, below.logicalBlockSize > Sectors.size {
                    ofRequests = max(ofRequests, below.logicalBlockSize)
                }
                if !below.takesDiscards { discards = false }
                if below.maximumWriteZeroesSectors == 0 { writeZeroes = false }
            }
            ofRequests = max(ofRequests, target.blockSize)
            if refused == nil { refused = target.refusalOfPlace(line: blockSizes.count) }
            ofTarget.raiseBlockSize(to: target.blockSize)
            blockSizes.append(ofTarget.logicalBlockSize)
            target.addHints(to: &ofTarget)
            for area in areas where refused == nil {
                let size = known[ObjectIdentifier(area.device)]?.size ?? 0
                refused = area.refusal(deviceSize: size, blockSize: ofTarget.logicalBlockSize)
            }
            limits.stack(ofTarget, at: 0)
            takesDiscards = takesDiscards && discards
            takesWriteZeroes = takesWriteZeroes && writeZeroes
        }
        if let refused { throw refused }
        try checkBorders(blockSizes, limits.logicalBlockSize)
        if !takesDiscards { limits.forbidDiscards() }
        if !takesWriteZeroes { limits.maximumWriteZeroesSectors = 0 }
        takeBlocks(of: UInt64(ofRequests))
        return limits
    }

    /// No block of the device lies across a border of lines, unless what is left of it there stands
    /// on a device of smaller blocks, and it ends with the device
    /// (`validate_hardware_logical_block_alignment`).
    private func checkBorders(_ blockSizes: [UInt32], _ blockSize: UInt32) throws(DMError) {
        let sectorsOfBlock = UInt64(blockSize) / Sectors.size
        guard sectorsOfBlock > 1 else { return }
        // Sectors that the last block still lacks.
        var remaining: UInt64 = 0
        var line = 0
        var last: (index: Int, start: UInt64, length: UInt64)?
        var isRefused = false
        forEachTarget { target in
            guard !isRefused else { return }
            let start = target.begin / Sectors.size
            let length = (target.end - target.begin) / Sectors.size
            let own = UInt64(blockSizes[line]) / Sectors.size
            last = (line, start, length)
            if remaining < length && remaining % own != 0 {
                isRefused = true
                return
            }
            line += 1
            let over = (start + length) % sectorsOfBlock
            remaining = over == 0 ? 0 : sectorsOfBlock - over
        }
        guard remaining > 0, let last else { return }
        throw DMError(
            .invalidArgument,
            "table line \(isRefused ? last.index : targetCount) (start sect \(last.start) "
                + "len \(last.length)) not aligned to h/w logical block size \(blockSize)")
    }
}

extension Target {
    /// Why it can't stand there with blocks of its own; nil: it can.
    fileprivate func refusalOfPlace(line: Int) -> DMError? {
        let size = UInt64(blockSize)
        guard begin % size != 0 || end % size != 0 else { return nil }
        return DMError(
            .invalidArgument,
            "table line \(line) (start sect \(begin / Sectors.size) "
                + "len \((end - begin) / Sectors.size)) not aligned to h/w logical block size \(size)"
        )
    }
}

extension LowerArea {
    /// Why a target can't use it (`device_area_is_invalid`); nil: it can. A device of size 0 is of
    /// unknown size, and not looked at.
    fileprivate func refusal(deviceSize: UInt64, blockSize: UInt32) -> DMError? {
        guard deviceSize > 0 else { return nil }
        if start >= deviceSize || length > deviceSize - start {
            return DMError(
                .invalidArgument,
                "\(device.name) too small for target: start=\(start), len=\(length), "
                    + "dev_size=\(deviceSize)")
        }
        let sectorsOfBlock = UInt64(blockSize) / Sectors.size
        let unaligned: String
        if start % sectorsOfBlock != 0 {
            unaligned = "start=\(start)"
        } else if length % sectorsOfBlock != 0 {
            unaligned = "len=\(length)"
        } else {
            return nil
        }
        return DMError(
            .invalidArgument,
            "\(unaligned) not aligned to h/w logical block size \(blockSize) of \(device.name)")
    }
}
