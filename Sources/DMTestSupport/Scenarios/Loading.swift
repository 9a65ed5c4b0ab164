#if DEBUG
    import DeviceMapper
    import SystemPackage

    extension Scenario {
        package static let loadVersusLoadVersusClear = Scenario(
            "R7",
            "of two loads and a clear at most one table survives; each other one is destroyed",
            devices: ["x": ""],
            threads: [
                "load a": { $0.load("x", "0 8 linear a 0") },
                "load b": { $0.load("x", "0 8 linear b 0") },
                "clear": { $0.clear("x") },
            ]
        ) { stage in
            stage.requireSuccess("load x 0 8 linear a 0", "load x 0 8 linear b 0", "clear x")
            let holders = stage.devices.users(of: "a") + stage.devices.users(of: "b")
            let expected = stage.info("x")?.hasInactiveTable == true ? 1 : 0
            stage.require(holders == expected, "\(holders) tables, \(expected) in the slot")
        }

        package static let circle = Scenario(
            "circle", "of two loads that would close a circle one wins, and the other is EINVAL",
            devices: ["x": "0 8 zero", "y": "0 8 zero"],
            threads: [
                "x over y": { $0.load("x", "0 8 linear y 0") },
                "y over x": { $0.load("y", "0 8 linear x 0") },
            ]
        ) { stage in
            let loads = ["load x 0 8 linear y 0", "load y 0 8 linear x 0"]
            let won = loads.count { stage.succeeded($0) }
            stage.require(won == 1, "\(won) loads won")
            for load in loads { stage.require(load, successOr: .invalidArgument) }
        }

        package static let circleOfThree = Scenario(
            "circle of three", "of three loads that would close a circle two win",
            devices: ["x": "0 8 zero", "y": "0 8 zero", "z": "0 8 zero"],
            threads: [
                "x over y": { $0.load("x", "0 8 linear y 0") },
                "y over z": { $0.load("y", "0 8 linear z 0") },
                "z over x": { $0.load("z", "0 8 linear x 0") },
            ]
        ) { stage in
            let loads = [
                "load x 0 8 linear y 0", "load y 0 8 linear z 0", "load z 0 8 linear x 0",
            ]
            let won = loads.count { stage.succeeded($0) }
            stage.require(won == 2, "\(won) loads won")
        }
    }
#endif
