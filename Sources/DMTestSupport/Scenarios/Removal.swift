#if DEBUG
    import DeviceMapper
    import SystemPackage

    extension Scenario {
        package static let statusVersusRemove = Scenario(
            "R4", "a table is freed before its device, also when its status is being read",
            devices: ["x": "0 8 linear a 0"],
            setup: { $0.load("x", "0 8 linear b 0") },
            threads: [
                "status": { stage in
                    let live = stage.table("x")
                    stage.require(
                        live == nil || live == [] || live == ["0 8 linear 251:0 0"],
                        "live: \(live ?? [])")
                    let inactive = stage.table("x", inactive: true)
                    stage.require(
                        inactive == nil || inactive == [] || inactive == ["0 8 linear 251:1 0"],
                        "inactive: \(inactive ?? [])")
                },
                "remove": { $0.remove("x") },
            ]
        ) { stage in
            stage.requireSuccess("remove x")
            for store in ["a", "b"] {
                stage.require(
                    stage.devices.users(of: store) == 0, "a table over \(store) is left")
            }
        }

        package static let writeVersusForcedRemove = Scenario(
            "R4 I/O", "a table stays for a request that is in flight when its device goes",
            devices: ["x": "0 8 linear a 0"], setup: { $0.open("x") },
            threads: [
                "write": { $0.write(1) },
                "shutdown": { stage in
                    stage.seen.attempt("stop") { () throws(DMError) in
                        try stage.devices.shutDown()
                    }
                },
            ]
        ) { stage in
            stage.requireSuccess("stop")
            let error = stage.error(of: stage.requests.first)
            stage.require(error == nil || error == .ioError, "write: \(error ?? .ioError)")
            stage.require(
                (error == nil) == (stage.byte(of: "a") == 1), "the write's answer is wrong")
            stage.require(stage.devices.users(of: "a") == 0, "a table is left")
        }

        package static let resumeVersusRemove = Scenario(
            "R5", "resume completes before the removal or is ENXIO; its table is freed once",
            devices: ["x": "0 8 zero"], setup: { $0.load("x", "0 8 linear a 0") },
            threads: ["resume": { $0.resume("x", as: "swap") }, "remove": { $0.remove("x") }]
        ) { stage in
            stage.requireSuccess("remove x")
            stage.require("swap", successOr: .noSuchAddressOrDevice)
            stage.require(stage.devices.users(of: "a") == 0, "a table is left")
        }

        package static let removeAllVersusStatus = Scenario(
            "R9", "remove_all and status of inactive tables let each other go on",
            devices: ["x": "0 8 zero", "y": "0 8 linear x 0"],
            setup: { $0.load("x", "0 8 linear a 0") },
            threads: [
                "remove all": { stage in
                    let left = stage.registry.removeAll(deferred: false)
                    stage.require(left == 0, "\(left) devices are left")
                },
                "status": { stage in
                    _ = stage.table("x", inactive: true)
                    _ = stage.table("y", inactive: true)
                },
            ]
        ) { stage in
            stage.require(stage.names.isEmpty, "left: \(stage.names)")
            stage.require(stage.devices.users(of: "a") == 0, "a table is left")
        }

        package static let shutdownInUse = Scenario(
            "R20", "the end removes all devices, open or not, and ends what is held with EIO",
            preemptions: 1, devices: ["low": "0 8 linear a 0", "x": "0 8 linear low 0"],
            setup: {
                $0.open("x")
                $0.suspend("low", .noflush)
                $0.write(1)
            },
            threads: [
                "shutdown": { stage in
                    stage.seen.attempt("stop") { () throws(DMError) in
                        try stage.devices.shutDown()
                    }
                },
                "user": { stage in
                    _ = stage.requests[0].wait()
                    stage.close()
                    stage.open("x")
                },
            ]
        ) { stage in
            stage.requireSuccess("stop")
            stage.require(stage.seen.errno("open x") != nil, "a device was opened at the end")
            stage.require(
                stage.error(of: stage.requests.first) == .ioError, "the held write is not EIO")
            stage.require(stage.names.isEmpty, "left: \(stage.names)")
        }

        package static let shutdownVersusRemove = Scenario(
            "R20 remove", "the end waits for a removal that another thread does",
            preemptions: 1, devices: ["low": "0 8 linear a 0", "x": "0 8 linear low 0"],
            threads: [
                "shutdown": { stage in
                    stage.seen.attempt("stop") { () throws(DMError) in
                        try stage.devices.shutDown()
                    }
                    stage.require(
                        stage.devices.users(of: "a") == 0, "ended before the backing was closed")
                },
                "remove": { $0.remove("x") },
            ]
        ) { stage in
            stage.requireSuccess("stop")
            stage.require("remove x", successOr: .noSuchAddressOrDevice)
        }
    }
#endif
