#if DEBUG
    import DeviceMapper
    import SystemPackage

    /// What the core promises to targets that do more than map.
    extension Scenario {
        static let allOfTargetContract = [
            overlapOfAsynchronousTarget, ownIOVersusSuspend, ownIOVersusRemove, refusedResume,
            refusedSwap, messageVersusRemove, messageVersusSwap, writesOfOneBlock, sharedState,
        ]

        static let sharedState = Scenario(
            "contract shared state",
            "what targets of several tables share is gone when the last of their devices is removed",
            preemptions: 1, devices: ["x": "0 8 counting a 0 b"],
            setup: { $0.message("x", "refuse") },
            threads: [
                "remove": {
                    $0.remove("x")
                    $0.create("y")
                    $0.load("y", "0 8 counting a 0 b")
                    $0.resume("y")
                }
            ]
        ) { stage in
            stage.requireSuccess("remove x", "create y", "load y 0 8 counting a 0 b", "resume y")
        }

        static let writesOfOneBlock = Scenario(
            "contract blocks", "two writes of parts of one block are both there in the end",
            preemptions: 1, devices: ["x": "0 8 xor a 0 90 4096"], setup: { $0.open("x") },
            threads: [
                "one": { $0.write(1, sector: 1) },
                "two": { $0.write(2, sector: 2) },
            ]
        ) { stage in
            stage.requireAllWritten()
            stage.require(stage.byte(of: "a", sector: 1) == 1 ^ 90, "the first write was lost")
            stage.require(stage.byte(of: "a", sector: 2) == 2 ^ 90, "the second write was lost")
        }

        static let overlapOfAsynchronousTarget = Scenario(
            "contract order",
            "of deferred writes that overlap the later one wins, whatever thread its target ends it on",
            preemptions: 1, devices: ["x": "0 8 xor a 0 90"],
            setup: {
                $0.open("x")
                $0.suspend("x", .noflush)
                $0.write(1, sector: 0, count: 2)
                $0.write(2, sector: 1)
                $0.write(3, sector: 5)
            },
            threads: ["resume": { $0.resume("x") }]
        ) { stage in
            stage.requireSuccess("resume x")
            stage.requireAllWritten()
            stage.require(stage.byte(of: "a") == 1 ^ 90, "a write was lost")
            stage.require(stage.byte(of: "a", sector: 1) == 2 ^ 90, "the earlier write won")
            stage.require(stage.byte(of: "a", sector: 5) == 3 ^ 90, "a write was lost")
        }

        static let ownIOVersusSuspend = Scenario(
            "contract own I/O", "a suspend waits for what a target does by itself",
            preemptions: 1, devices: ["x": "0 8 counting a 0 b"],
            threads: [
                "message": { $0.message("x", "note 7") },
                "suspend": { stage in
                    // A message goes on in a suspended device, so it may also come later.
                    let isSent = stage.succeeded("message x note 7")
                    stage.suspend("x", .noflush)
                    stage.require(
                        !isSent || stage.byte(of: "b", sector: 1) == 7,
                        "a suspend didn't wait for I/O")
                },
            ]
        ) { stage in
            stage.requireSuccess("suspend x", "message x note 7")
            stage.resume("x")
            stage.suspend("x", .noflush, as: "suspend again")
            stage.require(stage.byte(of: "b", sector: 1) == 7, "the target's write was lost")
        }

        static let ownIOVersusRemove = Scenario(
            "contract own I/O, remove",
            "a table whose target does I/O by itself is kept until that ends",
            preemptions: 1, devices: ["x": "0 8 counting a 0 b"],
            threads: [
                "message": { $0.message("x", "note 7") },
                "remove": { $0.remove("x") },
            ]
        ) { stage in
            stage.requireSuccess("remove x")
            stage.require("message x note 7", successOr: .noSuchAddressOrDevice)
            // Removed behind it, the message is ENXIO, too.
            stage.require(
                stage.byte(of: "b", sector: 1) == 7 || !stage.succeeded("message x note 7"),
                "the target's write was lost")
        }

        static let refusedResume = Scenario(
            "contract resume", "a resume that a target refuses leaves the device suspended",
            preemptions: 1, devices: ["x": "0 8 counting a 0 b"],
            setup: {
                $0.open("x")
                $0.suspend("x", .noflush)
                $0.write(1)
                $0.message("x", "refuse")
            },
            threads: [
                "resume": { stage in
                    stage.resumeWithRefusal {
                        stage.require(stage.byte(of: "a") == 0, "a write came through")
                    }
                },
                "write": { $0.write(2, sector: 1) },
            ]
        ) { stage in
            stage.requireSuccess("second")
            stage.requireAllWritten()
        }

        static let refusedSwap = Scenario(
            "contract swap",
            "a table whose target refuses is live, suspended, and the old one is gone",
            preemptions: 1, devices: ["x": "0 8 counting a 0 b"],
            setup: {
                $0.open("x")
                $0.message("x", "refuse")
                $0.load("x", "0 8 counting c 0 b")
            },
            threads: [
                "resume": { stage in
                    stage.resumeWithRefusal {
                        stage.require(stage.devices.users(of: "a") == 0, "the old table is left")
                    }
                },
                "write": { $0.write(2, sector: 1) },
            ]
        ) { stage in
            stage.requireSuccess("second")
            stage.requireAllWritten()
            stage.require(
                (stage.byte(of: "a", sector: 1) == 2) != (stage.byte(of: "c", sector: 1) == 2),
                "a write was lost")
        }

        static let messageVersusRemove = Scenario(
            "contract message", "a message meets a target with its lower devices open, or ENXIO",
            preemptions: 1, devices: ["x": "0 8 counting a 0 b"],
            threads: [
                "message": { $0.message("x", "count") },
                "remove": { $0.remove("x") },
            ]
        ) { stage in
            stage.requireSuccess("remove x")
            stage.require("message x count", successOr: .noSuchAddressOrDevice)
        }

        static let messageVersusSwap = Scenario(
            "contract message, swap",
            "a message goes to the old table before the swap, or to the new one",
            preemptions: 1, devices: ["x": "0 8 counting a 0 b"],
            setup: { $0.load("x", "0 8 counting a 0 c") },
            threads: [
                "message": { $0.message("x", "note 7") },
                "resume": { $0.resume("x") },
            ]
        ) { stage in
            stage.requireSuccess("resume x", "message x note 7")
            stage.suspend("x", .noflush)
            let old = stage.byte(of: "b", sector: 1) == 7
            let new = stage.byte(of: "c", sector: 1) == 7
            stage.require(old != new, "the note is in \(old ? "both" : "neither")")
        }
    }

    extension Stage {
        fileprivate func requireAllWritten() {
            for request in requests { require(error(of: request) == nil, "a write failed") }
        }

        /// Resumes x twice: the first time its target refuses, which leaves it suspended. `look` comes between.
        fileprivate func resumeWithRefusal(_ look: () -> Void) {
            resume("x", as: "first")
            require(seen.errno("first") == .ioError, "the resume went on")
            require(info("x")?.isSuspended == true, "not suspended")
            look()
            resume("x", as: "second")
        }

        /// A message of words to the target at sector 0.
        fileprivate func message(_ name: String, _ text: String) {
            seen.attempt("message \(name) \(text)") { () throws(DMError) in
                _ = try registry.message(
                    .name(ByteString(name)), sector: 0,
                    words: text.split(separator: " ").map { ByteString(String($0)) })
            }
        }
    }
#endif
