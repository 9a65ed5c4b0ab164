#if DEBUG
    import DeviceMapper
    import SystemPackage

    /// A device "x" that is open and marked for removal: its last close against each other
    /// operation. Whatever that is, it is done before the removal or comes too late, and nothing is
    /// left.
    extension Scenario {
        package static let allOfMarkedDevice: [Scenario] = [
            marked("suspend", "a suspend") { $0.suspend("x", as: "other") },
            marked("resume", "a swap of its tables") { $0.resume("x", as: "other") },
            marked("clear", "a clear") { $0.clear("x", as: "other") },
            marked("remove", "a plain removal", .resourceBusy) { $0.remove("x", as: "other") },
            marked("again", "a second mark") { $0.remove("x", deferred: true, as: "other") },
            marked("wait", "a wait for an event, which it is") {
                $0.wait("x", after: 0, as: "other")
            },
            markedVersusRemoveAll, markedVersusReaders, markedVersusUUID, markedVersusCreate,
            markedVersusUpper, markedVersusEnd, markAllVersusClose,
        ]

        /// `body` is an attempt of that name, "other", which may come too late.
        private static func marked(
            _ operation: String, _ words: String, _ errno: Errno = .noSuchAddressOrDevice,
            _ body: @escaping @Sendable (Stage) -> Void
        ) -> Scenario {
            marked(operation, words, body) {
                $0.require("other", successOr: errno, .noSuchAddressOrDevice)
            }
        }

        private static func marked(
            _ operation: String, _ words: String, _ body: @escaping @Sendable (Stage) -> Void,
            verdict: @escaping @Sendable (Stage) -> Void
        ) -> Scenario {
            Scenario(
                "R13 \(operation)", "the last close of a marked device, and \(words)",
                preemptions: 1, devices: ["x": "0 8 linear a 0"],
                setup: { $0.openAndMark(loading: "b") },
                threads: ["close": { $0.close() }, "other": body]
            ) { stage in
                verdict(stage)
                stage.require(stage.info("x") == nil, "the device is left")
                for store in ["a", "b"] {
                    stage.require(
                        stage.devices.users(of: store) == 0, "a table over \(store) is left")
                }
            }
        }

        private static let markedVersusRemoveAll = marked("remove_all", "remove_all") { stage in
            let left = stage.registry.removeAll(deferred: false)
            stage.require(left <= 1, "\(left) devices are left")
        } verdict: { _ in
        }

        private static let markedVersusReaders = marked("read", "who lists and looks") { stage in
            let names = stage.names
            stage.require(names == ["x"] || names == [], "names: \(names)")
            let table = stage.table("x")
            stage.require(
                table == nil || table == [] || table == ["0 8 linear 251:0 0"],
                "live: \(table ?? [])")
        } verdict: { _ in
        }

        private static let markedVersusUUID = marked("uuid", "a uuid that it gets") {
            $0.setUUID("x", to: "u")
        } verdict: { stage in
            stage.require("uuid x", successOr: .noSuchAddressOrDevice)
            stage.create("y", uuid: "u")
            stage.requireSuccess("create y")
        }

        private static let markedVersusEnd = marked("end", "the end of the daemon") { stage in
            stage.seen.attempt("stop") { () throws(DMError) in try stage.devices.shutDown() }
        } verdict: {
            $0.requireSuccess("stop")
        }

        private static let markedVersusCreate = Scenario(
            "R13 create", "the name of a marked device is taken until it is gone, then free",
            preemptions: 1, devices: ["x": "0 8 linear a 0"],
            setup: { $0.openAndMark() },
            threads: [
                "close": { $0.close() },
                "create": { $0.create("x", as: "anew") },
            ]
        ) { stage in
            stage.require("anew", successOr: .resourceBusy)
            let isNew = stage.succeeded("anew")
            stage.require(stage.names == (isNew ? ["x"] : []), "left: \(stage.names)")
            guard isNew else { return }
            let info = stage.info("x")
            stage.require(
                info?.generation == 2 && info?.hasLiveTable == false
                    && info?.isDeferredRemove == false, "not a new one: \(info as Any)")
        }

        private static let markedVersusUpper = Scenario(
            "R13 upper", "a table over a marked device keeps it, or comes too late",
            preemptions: 1, devices: ["x": "0 8 linear a 0", "up": "0 8 zero"],
            setup: { $0.openAndMark() },
            threads: ["close": { $0.close() }, "load": { $0.load("up", "0 8 linear x 0") }]
        ) { stage in
            let load = "load up 0 8 linear x 0"
            // Its name is gone, or its number by then.
            stage.require(load, successOr: .noSuchAddressOrDevice, .operationNotSupportedByDevice)
            let isKept = stage.succeeded(load)
            stage.require(stage.names == (isKept ? ["up", "x"] : ["up"]), "left: \(stage.names)")
            stage.require(!isKept || stage.info("x")?.isDeferredRemove == true, "the mark is lost")
            stage.clear("up")
            stage.registry.awaitCloses(nil)
            stage.require(stage.names == ["up"], "left: \(stage.names)")
        }

        private static let markAllVersusClose = Scenario(
            "R13 remove_all --deferred", "remove_all marks what is open, and all goes in the end",
            preemptions: 1, devices: ["x": "0 8 linear a 0", "up": "0 8 linear x 0"],
            setup: { $0.open("up") },
            threads: [
                "close": { $0.close() },
                "mark": { stage in
                    let left = stage.registry.removeAll(deferred: true)
                    stage.require(left <= 2, "\(left) devices are left")
                },
            ]
        ) { stage in stage.require(stage.names.isEmpty, "left: \(stage.names)") }
    }

    extension Stage {
        fileprivate func openAndMark(loading store: String? = nil) {
            if let store { load("x", "0 8 linear \(store) 0") }
            open("x")
            remove("x", deferred: true)
            requireSuccess("remove x")
        }
    }
#endif
