#if DEBUG
    import DeviceMapper
    import SystemPackage

    extension Scenario {
        package static let openVersusRemove = Scenario(
            "R1", "open either wins, and remove is EBUSY, or loses, and is ENXIO",
            devices: ["x": "0 8 linear a 0"],
            threads: ["open": { $0.open("x") }, "remove": { $0.remove("x") }]
        ) { stage in
            stage.require(
                stage.succeeded("open x") != stage.succeeded("remove x"),
                "open and remove both \(stage.succeeded("open x") ? "succeeded" : "failed")")
            stage.require("open x", successOr: .noSuchAddressOrDevice)
            stage.require("remove x", successOr: .resourceBusy)
        }

        package static let removeOfStack = Scenario(
            "R3", "removing an upper device closes the lower one, with no lock held for that",
            devices: ["low": "0 8 linear a 0", "up": "0 8 linear low 0"],
            threads: ["remove": { $0.remove("up") }, "open": { $0.open("low") }]
        ) { stage in stage.requireSuccess("remove up", "open low") }

        package static let loadVersusRemove = Scenario(
            "R6", "a load that comes after the removal destroys its own table and is ENXIO",
            devices: ["x": "0 8 zero"],
            threads: ["load": { $0.load("x", "0 8 linear a 0") }, "remove": { $0.remove("x") }]
        ) { stage in
            stage.requireSuccess("remove x")
            stage.require("load x 0 8 linear a 0", successOr: .noSuchAddressOrDevice)
        }
    }
#endif
