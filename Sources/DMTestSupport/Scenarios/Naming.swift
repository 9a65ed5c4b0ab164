#if DEBUG
    import DeviceMapper
    import SystemPackage

    extension Scenario {
        package static let renameVersusLookup = Scenario(
            "R14", "readers see the old name or the new one, never both or neither",
            devices: ["x": "0 8 zero"],
            threads: [
                "rename": { $0.rename("x", to: "y") },
                "look": { stage in
                    let names = stage.names
                    stage.require(names == ["x"] || names == ["y"], "names: \(names)")
                    let old = stage.info("x")
                    stage.require(old == nil || old?.name == ByteString("x"), "a torn name")
                    stage.require(names == ["x"] || old == nil, "the old name came back")
                    let new = stage.info("y")
                    stage.require(old != nil || new?.name == ByteString("y"), "neither name")
                },
                "rename to itself": { $0.rename("y", to: "y") },
            ]
        ) { stage in
            stage.requireSuccess("rename x y")
            let error = stage.seen.errno("rename y y")
            stage.require(
                error == .resourceBusy || error == .noSuchAddressOrDevice, "renamed to itself")
            stage.require(stage.names == ["y"], "names: \(stage.names)")
        }

        package static let renameVersusRemove = Scenario(
            "rename, remove", "one of a rename and a removal by the old name loses, and is ENXIO",
            preemptions: 1, devices: ["x": "0 8 linear a 0"],
            threads: [
                "rename": { $0.rename("x", to: "y") },
                "remove": { $0.remove("x") },
                "open": {
                    $0.open("x")
                    $0.close()
                },
            ]
        ) { stage in
            stage.require("rename x y", successOr: .noSuchAddressOrDevice)
            stage.require("remove x", successOr: .noSuchAddressOrDevice, .resourceBusy)
            stage.require("open x", successOr: .noSuchAddressOrDevice)
            let isRemoved = stage.succeeded("remove x")
            let isRenamed = stage.succeeded("rename x y")
            stage.require(!(isRemoved && isRenamed), "both succeeded")
            stage.require(isRemoved || isRenamed, "both failed")
            stage.require(stage.names == (isRenamed ? ["y"] : []), "left: \(stage.names)")
        }

        package static let collidingCreates = Scenario(
            "R19", "a create whose name or uuid is taken leaves nothing, not even its minor",
            devices: [:],
            threads: [
                "x": { $0.create("x", uuid: "u") },
                "y": { $0.create("y", uuid: "u") },
                "remove": { $0.remove("x") },
            ]
        ) { stage in
            let removed = stage.succeeded("remove x")
            let created = ["create x", "create y"].count { stage.succeeded($0) }
            stage.require(created == 1 || removed && created == 2, "\(created) were created")
            for create in ["create x", "create y"] {
                stage.require(create, successOr: .resourceBusy)
            }
            let used = Set(stage.registry.list().map(\.number.minor))
            stage.create("z", uuid: "w")
            let expected = (0...).first { !used.contains($0) }
            stage.require(
                stage.info("z")?.number.minor == expected,
                "minor \(expected ?? 0) was not given back")
        }
    }
#endif
