#if DEBUG
    import DeviceMapper
    import SystemPackage

    extension Scenario {
        /// Device x is open, has a table to be swapped in, and what is written to its live one waits.
        private static let openOverClosedGate: @Sendable (Stage) -> Void = {
            $0.load("x", "0 8 linear b 0")
            $0.open("x")
            $0.devices.store("a")?.closeGate()
        }

        package static let resumesAndSuspend = Scenario(
            "R11", "of two resumes and a suspend each succeeds, and no loaded table is lost",
            preemptions: 1, devices: ["x": "0 8 zero"], setup: { $0.load("x", "0 8 linear a 0") },
            threads: [
                "resume": { $0.resume("x", as: "resume 1") },
                "resume too": { $0.resume("x", as: "resume 2") },
                "suspend": { $0.suspend("x", .noflush) },
            ]
        ) { stage in
            stage.requireSuccess("resume 1", "resume 2", "suspend x")
            stage.require(
                stage.table("x") == ["0 8 linear 251:0 0"], "live: \(stage.table("x") ?? [])")
            stage.require(stage.info("x")?.hasInactiveTable == false, "a table is left inactive")
        }

        package static let suspends = Scenario(
            "R11 suspends", "the second suspend succeeds and does nothing; one resume undoes both",
            devices: ["x": "0 8 linear a 0"], setup: { $0.open("x") },
            threads: [
                "suspend": { $0.suspend("x", .noflush, as: "suspend 1") },
                "suspend too": { $0.suspend("x", .noflush, as: "suspend 2") },
                "write": { $0.write(1) },
            ]
        ) { stage in
            stage.requireSuccess("suspend 1", "suspend 2")
            stage.require(stage.info("x")?.isSuspended == true, "not suspended")
            stage.resume("x")
            stage.requireSuccess("resume x")
            stage.require(
                stage.error(of: stage.requests.first) == nil && stage.byte(of: "a") == 1,
                "the write was lost")
        }

        package static let writeVersusSuspend = Scenario(
            "R11 write", "between suspend and resume nothing reaches the lower devices",
            devices: ["x": "0 8 linear a 0"], setup: { $0.open("x") },
            threads: [
                "write": { $0.write(1) },
                "suspend": { stage in
                    stage.suspend("x", .noflush)
                    let before = stage.devices.store("a")?.calls.count
                    // Whoever came too late for the suspend can only be before or behind here.
                    stage.create("y")
                    stage.require(
                        stage.devices.store("a")?.calls.count == before,
                        "a write came through a suspended device")
                    stage.resume("x")
                },
            ]
        ) { stage in
            stage.requireSuccess("suspend x", "resume x")
            stage.require(
                stage.error(of: stage.requests.first) == nil && stage.byte(of: "a") == 1,
                "the write was lost")
        }

        package static let interruptedSuspend = Scenario(
            "R12 suspend", "an interrupted suspend with I/O in flight is EINTR and undone",
            preemptions: 1, devices: ["x": "0 8 linear a 0"],
            setup: openOverClosedGate,
            threads: [
                "write": {
                    $0.write(1)
                    $0.write(2, sector: 1)
                },
                "suspend": { stage in
                    stage.suspend("x", .noflush, stage.interrupt)
                    let info = stage.info("x")
                    stage.require(
                        info?.isSuspended == stage.succeeded("suspend x"), "half suspended")
                    stage.require(info?.hasInactiveTable == true, "the loaded table is lost")
                    stage.devices.store("a")?.openGate()
                },
                "interrupt": { $0.interrupt.raise() },
            ]
        ) { stage in stage.requireSuspendOrNothing() }

        package static let interruptedFlush = Scenario(
            "R12 flush", "a suspend that is interrupted while it flushes is EINTR and undone",
            preemptions: 1, devices: ["x": "0 8 linear a 0"],
            setup: openOverClosedGate,
            threads: [
                "suspend": { stage in
                    stage.suspend("x", [], stage.interrupt)
                    stage.devices.store("a")?.openGate()
                },
                "write": {
                    $0.write(1)
                    $0.write(2, sector: 1)
                },
                "interrupt": { $0.interrupt.raise() },
            ]
        ) { stage in stage.requireSuspendOrNothing() }

        package static let interruptedResume = Scenario(
            "R12", "an interrupted swap with I/O in flight is EINTR and leaves all as it was",
            preemptions: 1, devices: ["x": "0 8 linear a 0"],
            setup: openOverClosedGate,
            threads: [
                "write": { $0.write(1) },
                "resume": { stage in
                    stage.resume("x", stage.interrupt, as: "swap")
                    let info = stage.info("x")
                    let swapped = stage.succeeded("swap")
                    stage.require(info?.isSuspended == false, "suspended after \(swapped)")
                    stage.require(info?.hasInactiveTable == !swapped, "the new table is lost")
                    stage.devices.store("a")?.openGate()
                },
                "interrupt": { $0.interrupt.raise() },
            ]
        ) { stage in
            stage.require("swap", successOr: .interrupted)
            let live = stage.succeeded("swap") ? "0 8 linear 251:1 0" : "0 8 linear 251:0 0"
            stage.require(stage.table("x") == [live], "live: \(stage.table("x") ?? [])")
            stage.require(stage.error(of: stage.requests.first) == nil, "the write failed")
            stage.require(
                stage.byte(of: "a") == 1 || stage.byte(of: "b") == 1, "the write was lost")
        }

        package static let interruptedResumeVersusLoad = Scenario(
            "R12 load", "an interrupted swap doesn't put its table over a newer one",
            devices: ["x": "0 8 linear a 0"],
            setup: {
                $0.load("x", "0 8 linear b 0")
                $0.devices.store("a")?.closeGate()
            },
            threads: [
                "resume": { stage in
                    stage.resume("x", stage.interrupt, as: "swap")
                    stage.devices.store("a")?.openGate()
                },
                "load": { stage in
                    stage.load("x", "0 8 linear c 0")
                    stage.interrupt.raise()
                },
            ]
        ) { stage in
            stage.requireSuccess("load x 0 8 linear c 0")
            stage.require("swap", successOr: .interrupted, .noSuchAddressOrDevice)
            stage.require(stage.devices.users(of: "b") == 0, "the older table is left")
            stage.require(stage.devices.users(of: "c") == 1, "the newer table is lost")
            stage.require(stage.info("x")?.isSuspended == false, "suspended")
        }

        package static let writesVersusSwap = Scenario(
            "R16",
            "a request ends in the old table before that is destroyed, or goes to the new one",
            preemptions: 1, devices: ["x": "0 8 linear a 0"],
            setup: {
                $0.load("x", "0 8 linear b 0")
                $0.open("x")
            },
            threads: [
                "write": {
                    $0.write(1, sector: 0)
                    $0.write(1, sector: 1)
                },
                "resume": { $0.resume("x", as: "swap") },
            ]
        ) { stage in
            stage.requireSuccess("swap")
            for request in stage.requests {
                stage.require(stage.error(of: request) == nil, "a write failed")
            }
            for sector in 0...1 {
                let old = stage.byte(of: "a", sector: sector) == 1
                let new = stage.byte(of: "b", sector: sector) == 1
                stage.require(old != new, "sector \(sector) went to \(old ? "both" : "neither")")
            }
            stage.require(stage.devices.users(of: "a") == 0, "the old table is left")
        }

        package static let deferredOrder = Scenario(
            "R16 order",
            "what was deferred goes to the new table; where two overlap the later one wins",
            devices: ["x": "0 8 linear a 0"],
            setup: {
                $0.load("x", "0 8 linear b 0")
                $0.open("x")
                $0.suspend("x", .noflush)
                $0.write(1)
                $0.write(2)
            },
            threads: [
                "resume": { $0.resume("x", as: "swap") },
                "write": { $0.write(3, sector: 1) },
            ]
        ) { stage in
            stage.requireSuccess("swap")
            for request in stage.requests {
                stage.require(stage.error(of: request) == nil, "a write failed")
            }
            stage.require(stage.byte(of: "b") == 2, "the earlier write won")
            stage.require(stage.byte(of: "b", sector: 1) == 3, "a write was lost")
            stage.require(stage.byte(of: "a") == 0, "a deferred write went to the old table")
        }

        package static let destructorAfterResume = Scenario(
            "R17", "the old table's destructors run after resume let I/O go on",
            devices: ["x": "0 8 linear a 0"],
            setup: { stage in
                stage.load("x", "0 8 linear b 0")
                stage.suspend("x", .noflush)
                stage.devices.onRelease = { [unowned stage] store in
                    guard store == "a" else { return }
                    // A suspend now answers at once: the lock is free, too.
                    stage.require(
                        stage.info("x")?.isSuspended == false, "destroyed while suspended")
                    stage.suspend("x", .noflush, as: "suspend in destructor")
                    stage.resume("x", as: "resume in destructor")
                }
            },
            threads: [
                "resume": { $0.resume("x", as: "swap") },
                "status": { stage in
                    let live = stage.table("x")
                    stage.require(
                        live == ["0 8 linear 251:0 0"] || live == ["0 8 linear 251:1 0"],
                        "live: \(live ?? [])")
                },
            ]
        ) { stage in
            stage.devices.onRelease = nil
            stage.requireSuccess("swap", "suspend in destructor", "resume in destructor")
        }

        package static let upperOverHeldLower = Scenario(
            "held below", "a suspend that waits for a lower device keeps nobody else waiting",
            preemptions: 1, devices: ["low": "0 8 linear a 0", "up": "0 8 linear low 0"],
            setup: {
                $0.open("up")
                $0.suspend("low", .noflush)
                $0.write(1)
            },
            threads: [
                "suspend": { $0.suspend("up", .noflush) },
                "control": { stage in
                    stage.require(stage.info("up")?.hasLiveTable == true, "no info")
                    stage.require(stage.table("up") == ["0 8 linear 254:0 0"], "no table")
                    stage.load("up", "0 8 linear b 0")
                    stage.clear("up")
                    stage.require(!stage.requests[0].isDone, "a held write ended")
                    stage.resume("low", as: "let go")
                },
            ]
        ) { stage in
            stage.requireSuccess("suspend up", "load up 0 8 linear b 0", "clear up", "let go")
            stage.require(
                stage.error(of: stage.requests.first) == nil && stage.byte(of: "a") == 1,
                "the held write was lost")
        }
    }

    extension Stage {
        /// The suspend succeeded, or is EINTR and left all as it was: writes of 1 and 2 go to the
        /// old table, and only a resume takes the loaded one.
        fileprivate func requireSuspendOrNothing() {
            require("suspend x", successOr: .interrupted)
            let isSuspended = succeeded("suspend x")
            require(info("x")?.isSuspended == isSuspended, "suspended: \(!isSuspended)")
            if !isSuspended {
                for request in requests { require(error(of: request) == nil, "a write failed") }
                require(table("x") == ["0 8 linear 251:0 0"], "another table")
                require(byte(of: "a") == 1 && byte(of: "a", sector: 1) == 2, "a write was lost")
            }
            resume("x")
            requireSuccess("resume x")
            for request in requests { require(error(of: request) == nil, "a write failed") }
            for (sector, wanted) in [1, 2].enumerated() as EnumeratedSequence<[UInt8]> {
                require(
                    byte(of: "a", sector: sector) == wanted
                        || byte(of: "b", sector: sector) == wanted, "a write was lost")
            }
        }
    }
#endif
