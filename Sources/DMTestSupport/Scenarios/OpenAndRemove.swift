#if DEBUG
    import DeviceMapper
    import SystemPackage

    extension Scenario {
        package static let openVersusRemove = Scenario(
            "R1", "open either wins, and remove is EBUSY, or loses, and is ENXIO"
        ) { patch in
            let devices = MemoryDevices(undoing: patch)
            devices.addStore("a", sectors: 8)
            let seen = Outcomes()
            seen.attempt("create") { () throws(DMError) in try devices.create("x", "0 8 linear a 0")
            }
            return Run(
                threads: [
                    (
                        "open",
                        {
                            seen.attempt("open") { () throws(DMError) in
                                seen.handles.append(
                                    try devices.registry.open(minor: 0, generation: 1))
                            }
                        }
                    ),
                    (
                        "remove",
                        {
                            seen.attempt("remove") { () throws(DMError) in
                                _ = try devices.registry.remove(
                                    .name(ByteString("x")), deferred: false)
                            }
                        }
                    ),
                ],
                verdict: {
                    seen.require(
                        seen.succeeded("open") != seen.succeeded("remove"),
                        "open and remove \(seen.succeeded("open") ? "both succeeded" : "both failed")"
                    )
                    seen.requireOutcome("open", successOr: .noSuchAddressOrDevice)
                    seen.requireOutcome("remove", successOr: .resourceBusy)
                    return seen.end(devices)
                })
        }

        package static let removeOfStack = Scenario(
            "R3", "removing an upper device closes the lower one, with no lock held for that"
        ) { patch in
            let devices = MemoryDevices(undoing: patch)
            devices.addStore("a", sectors: 8)
            let seen = Outcomes()
            seen.attempt("create") { () throws(DMError) in
                try devices.create("low", "0 8 linear a 0")
                try devices.create("up", "0 8 linear low 0")
            }
            return Run(
                threads: [
                    (
                        "remove",
                        {
                            seen.attempt("remove") { () throws(DMError) in
                                _ = try devices.registry.remove(
                                    .name(ByteString("up")), deferred: false)
                            }
                        }
                    ),
                    (
                        "open",
                        {
                            seen.attempt("open") { () throws(DMError) in
                                seen.handles.append(
                                    try devices.registry.open(minor: 0, generation: 1))
                            }
                        }
                    ),
                ],
                verdict: {
                    seen.require(seen.succeeded("remove"), "the upper device was not removed")
                    seen.require(seen.succeeded("open"), "the lower device was not opened")
                    return seen.end(devices)
                })
        }

        package static let loadVersusRemove = Scenario(
            "R6", "a load that comes after the removal destroys its own table and is ENXIO"
        ) { patch in
            let devices = MemoryDevices(undoing: patch)
            devices.addStore("a", sectors: 8)
            let seen = Outcomes()
            seen.attempt("create") { () throws(DMError) in try devices.create("x", "0 8 zero") }
            return Run(
                threads: [
                    (
                        "load",
                        {
                            seen.attempt("load") { () throws(DMError) in
                                try devices.load("x", "0 8 linear a 0")
                            }
                        }
                    ),
                    (
                        "remove",
                        {
                            seen.attempt("remove") { () throws(DMError) in
                                _ = try devices.registry.remove(
                                    .name(ByteString("x")), deferred: false)
                            }
                        }
                    ),
                ],
                verdict: {
                    seen.require(seen.succeeded("remove"), "remove failed")
                    seen.requireOutcome("load", successOr: .noSuchAddressOrDevice)
                    return seen.end(devices)
                })
        }
    }
#endif
