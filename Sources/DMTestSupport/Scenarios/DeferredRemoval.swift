#if DEBUG
    import DeviceMapper
    import SystemPackage

    extension Scenario {
        package static let deferredRemove = Scenario(
            "R13", "a device marked for removal can be opened, and goes with its last close",
            preemptions: 1, devices: ["x": "0 8 linear a 0"], setup: { $0.open("x", as: "first") },
            threads: [
                "remove": { $0.remove("x", deferred: true) },
                "open": {
                    $0.open("x", as: "second")
                    $0.close("second")
                },
                "close": { $0.close("first") },
            ]
        ) { stage in
            stage.requireSuccess("remove x")
            stage.require("open x", successOr: .noSuchAddressOrDevice)
            stage.require(stage.names.isEmpty, "left: \(stage.names)")
            stage.require(stage.devices.users(of: "a") == 0, "a table is left")
        }

        package static let deferredRemoveVersusCancel = Scenario(
            "R13 cancel", "a cancelled removal leaves the device; one that began is EBUSY or ENXIO",
            devices: ["x": "0 8 linear a 0"],
            setup: {
                $0.open("x")
                $0.remove("x", deferred: true)
            },
            threads: ["close": { $0.close() }, "cancel": { $0.cancelDeferredRemove("x") }]
        ) { stage in
            stage.require("cancel x", successOr: .resourceBusy, .noSuchAddressOrDevice)
            stage.require(
                stage.names == (stage.succeeded("cancel x") ? ["x"] : []), "left: \(stage.names)")
        }

        package static let deferredRemoveVersusRename = Scenario(
            "R13 rename", "a marked device goes under whatever name it has at its last close",
            devices: ["x": "0 8 linear a 0"],
            setup: {
                $0.open("x")
                $0.remove("x", deferred: true)
            },
            threads: ["close": { $0.close() }, "rename": { $0.rename("x", to: "y") }]
        ) { stage in
            stage.require("rename x y", successOr: .noSuchAddressOrDevice)
            stage.require(stage.names.isEmpty, "left: \(stage.names)")
        }

        package static let deferredRemoveVersusLoad = Scenario(
            "R13 load", "a load for a marked device keeps nothing of it",
            devices: ["x": "0 8 zero"],
            setup: {
                $0.open("x")
                $0.remove("x", deferred: true)
            },
            threads: [
                "close": { $0.close() },
                "load": { $0.load("x", "0 8 linear a 0") },
            ]
        ) { stage in
            stage.require("load x 0 8 linear a 0", successOr: .noSuchAddressOrDevice)
            stage.require(stage.names.isEmpty, "left: \(stage.names)")
            stage.require(stage.devices.users(of: "a") == 0, "a table is left")
        }

        package static let deferredRemoveOfStack = Scenario(
            "R13 stack", "a marked lower device goes with the upper one, on another thread",
            preemptions: 1, devices: ["low": "0 8 linear a 0", "up": "0 8 linear low 0"],
            setup: { $0.remove("low", deferred: true) },
            threads: [
                "remove": { $0.remove("up") },
                "open": {
                    $0.open("low")
                    $0.close()
                },
            ]
        ) { stage in
            stage.requireSuccess("remove low", "remove up")
            stage.require("open low", successOr: .noSuchAddressOrDevice)
            stage.require(stage.names.isEmpty, "left: \(stage.names)")
            stage.require(stage.devices.users(of: "a") == 0, "a table is left")
        }

        package static let deferredRemoveVersusRemoveAll = Scenario(
            "R13 stack, remove_all", "remove_all leaves no device that only a removed one stood on",
            preemptions: 1, devices: ["low": "0 8 linear a 0", "up": "0 8 linear low 0"],
            setup: {
                $0.open("up")
                $0.remove("up", deferred: true)
            },
            threads: [
                "close": { $0.close() },
                "remove all": { stage in
                    let left = stage.registry.removeAll(deferred: false)
                    stage.require(left == 0 || left == 2, "\(left) device is left")
                },
            ]
        ) { stage in
            stage.require(stage.names.isEmpty || stage.names == ["low"], "left: \(stage.names)")
        }
    }
#endif
