#if DEBUG
    import DeviceMapper
    import SystemPackage

    extension Scenario {
        package static let waitVersusRemove = Scenario(
            "R10", "the last event is delivered, with the name, while the removal goes on",
            devices: ["x": "0 8 linear a 0"],
            threads: [
                "wait": { stage in
                    guard let info = stage.wait("x", after: 0) else { return }
                    stage.require(info.name == ByteString("x"), "the name is \(info.name)")
                    stage.require(info.eventNumber == 1, "event \(info.eventNumber)")
                },
                "remove": { $0.remove("x") },
            ]
        ) { stage in
            stage.requireSuccess("remove x")
            stage.require("wait", successOr: .noSuchAddressOrDevice)
        }

        package static let waitVersusRename = Scenario(
            "R18", "whoever waits for an event of a device with a live table hears of its rename",
            devices: ["x": "0 8 zero"],
            threads: [
                "wait": { stage in
                    guard let info = stage.wait("x", after: 0) else { return }
                    stage.require(info.name == ByteString("y"), "the name is \(info.name)")
                },
                "rename": { $0.rename("x", to: "y") },
            ]
        ) { stage in
            stage.requireSuccess("rename x y")
            stage.require("wait", successOr: .noSuchAddressOrDevice)
        }

        package static let waitWithoutTable = Scenario(
            "R18 no table", "without a live table removal wakes nobody; an interrupt does",
            devices: ["x": ""],
            threads: [
                "wait": { $0.wait("x", after: 0) },
                "remove": { stage in
                    stage.remove("x")
                    stage.interrupt.raise()
                },
            ]
        ) { stage in
            stage.requireSuccess("remove x")
            stage.require(!stage.succeeded("wait"), "the wait was woken")
            stage.require("wait", successOr: .interrupted, .noSuchAddressOrDevice)
        }
    }
#endif
