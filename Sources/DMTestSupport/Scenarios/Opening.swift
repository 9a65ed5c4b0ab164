#if DEBUG
    import DeviceMapper
    import SystemPackage

    extension Scenario {
        package static let lostControl = Scenario(
            "R2", "an open device is not removed, and control of it ends its held I/O",
            devices: ["x": "0 8 linear a 0"],
            threads: [
                "opener": {
                    $0.open("x")
                    $0.write(1)
                },
                "control": {
                    $0.suspend("x", .noflush)
                    $0.remove("x")
                },
            ]
        ) { stage in
            stage.requireSuccess("suspend x")
            stage.require(
                stage.succeeded("open x") != stage.succeeded("remove x"),
                "open and remove both \(stage.succeeded("open x") ? "succeeded" : "failed")")
            stage.require("open x", successOr: .noSuchAddressOrDevice)
            stage.require("remove x", successOr: .resourceBusy)
            guard stage.succeeded("open x") else { return }
            stage.resume("x")
            stage.requireSuccess("resume x")
            stage.require(
                stage.error(of: stage.requests.first) == nil && stage.byte(of: "a") == 1,
                "the held write was lost")
        }

        package static let cancelVersusResume = Scenario(
            "interrupt", "a held request that is interrupted is EINTR or is done, and ends once",
            preemptions: 1, devices: ["x": "0 8 linear a 0"],
            setup: {
                $0.open("x")
                $0.suspend("x", .noflush)
                $0.write(1)
            },
            threads: ["interrupt": { $0.cancel(0) }, "resume": { $0.resume("x", as: "let go") }]
        ) { stage in
            stage.requireSuccess("let go")
            stage.requireCancelled(0, in: "a")
        }

        package static let cancelInStack = Scenario(
            "interrupt in a stack", "a request of which a lower device holds a part ends once",
            preemptions: 1,
            devices: [
                "low": "0 8 linear a 0", "up": "0 4 linear low 0\n4 4 linear b 0",
            ],
            setup: {
                $0.open("up")
                $0.suspend("low", .noflush)
            },
            threads: [
                "write": {
                    $0.write(1, sector: 3, count: 2)
                    $0.cancel(0)
                },
                "resume": { $0.resume("low", as: "let go") },
            ]
        ) { stage in
            stage.requireSuccess("let go")
            stage.requireCancelled(0, in: "a", sector: 3)
            stage.require(stage.byte(of: "b") == 1, "the part that was not held is lost")
        }

        package static let minorReuse = Scenario(
            "R8", "a number leads to a complete device or to none, and is free when that is gone",
            preemptions: 1, devices: ["x": "0 8 linear a 0"],
            threads: [
                "remove": { $0.remove("x") },
                "create": { stage in
                    stage.create("y", minor: 0)
                    guard stage.succeeded("create y") else { return }
                    stage.require(
                        stage.devices.users(of: "a") == 0,
                        "a minor was given anew before the table of its device was gone")
                },
                "look": { stage in
                    let number = DeviceNumber(major: 254, minor: 0)
                    guard let info = try? stage.registry.info(.number(number)) else { return }
                    stage.require(
                        info.generation == 1 && info.name == ByteString("x") && info.hasLiveTable
                            || info.generation == 2 && info.name == ByteString("y")
                                && !info.hasLiveTable && info.size == .zero,
                        "a device half built or half gone: \(info)")
                },
            ]
        ) { stage in
            stage.requireSuccess("remove x")
            stage.require("create y", successOr: .noSuchAddressOrDevice)
            stage.require(
                stage.names == (stage.succeeded("create y") ? ["y"] : []), "left: \(stage.names)")
        }

        package static let closeVersusRemove = Scenario(
            "R15", "remove sees an open count of zero only after that opener's I/O",
            devices: ["x": "0 8 linear a 0"], setup: { $0.open("x") },
            threads: [
                "close": { stage in
                    _ = stage.write(1)?.wait()
                    stage.close()
                },
                "remove": { stage in
                    stage.remove("x")
                    guard stage.succeeded("remove x") else { return }
                    stage.require(
                        stage.byte(of: "a") == 1, "removed before the opener's write ended")
                },
            ]
        ) { stage in
            stage.require("remove x", successOr: .resourceBusy)
            stage.require(stage.error(of: stage.requests.first) == nil, "the write failed")
        }

        package static let closingVersusRemove = Scenario(
            "R15 closing", "a removal waits for a close of which only the FLUSH came so far",
            devices: ["x": "0 8 linear a 0"],
            setup: {
                $0.open("x")
                $0.handles["opener"]?.noteFlush()
            },
            threads: ["close": { $0.close() }, "remove": { $0.remove("x") }]
        ) { stage in stage.requireSuccess("remove x") }
    }

    extension Stage {
        fileprivate func cancel(_ index: Int) {
            guard let handle = handles["opener"] else { return }
            seen.attempt("cancel") { () throws(DMError) in
                if !handle.cancel(requests[index].request) { throw DMError(.alreadyInProcess) }
            }
        }

        /// EINTR and nothing done, if the cancelling found it held; else done.
        fileprivate func requireCancelled(_ index: Int, in store: String, sector: Int = 0) {
            let isCancelled = succeeded("cancel")
            require("cancel", successOr: .alreadyInProcess)
            let error = error(of: requests[index])
            require(
                error == (isCancelled ? .interrupted : nil),
                "cancelled \(isCancelled), but \(error as Any)")
            require(
                (byte(of: store, sector: sector) == 1) != isCancelled,
                isCancelled ? "an interrupted write was done" : "a write was lost")
        }
    }
#endif
