#if DEBUG
    import DeviceMapper
    import SystemPackage

    extension Scenario {
        package static let stackOfThree = Scenario(
            "stack of three", "a stack goes from the top down to the device that somebody opened",
            preemptions: 1,
            devices: [
                "low": "0 8 linear a 0", "middle": "0 8 linear low 0", "top": "0 8 linear middle 0",
            ],
            threads: [
                "remove": {
                    $0.remove("top")
                    $0.remove("middle")
                    $0.remove("low")
                },
                "open": { $0.open("middle") },
            ]
        ) { stage in
            stage.requireSuccess("remove top")
            stage.require("open middle", successOr: .noSuchAddressOrDevice)
            let isOpen = stage.succeeded("open middle")
            for name in ["middle", "low"] {
                stage.require("remove \(name)", successOr: .resourceBusy)
                stage.require(
                    stage.succeeded("remove \(name)") != isOpen, "\(name): open \(isOpen)")
            }
            stage.require(
                stage.names == (isOpen ? ["low", "middle"] : []), "left: \(stage.names)")
        }

        package static let stackOfThreeAtOnce = Scenario(
            "stack, remove_all", "remove_all leaves what is open, and what that stands on",
            preemptions: 1,
            devices: [
                "low": "0 8 linear a 0", "middle": "0 8 linear low 0", "top": "0 8 linear middle 0",
            ],
            threads: [
                "remove all": { stage in
                    let left = stage.registry.removeAll(deferred: false)
                    stage.require(
                        left == 0 || left == 2 || left == 3, "\(left) devices are left")
                },
                "open": { $0.open("middle") },
            ]
        ) { stage in
            stage.require("open middle", successOr: .noSuchAddressOrDevice)
            stage.require(
                stage.names == (stage.succeeded("open middle") ? ["low", "middle"] : []),
                "left: \(stage.names)")
        }
    }
#endif
