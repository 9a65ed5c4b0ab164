#if DEBUG
    import DeviceMapper
    import SystemPackage

    /// Stores that answer later, against what waits for their answers.
    extension Scenario {
        static let allOfLateAnswers = [
            lateVersusSuspend, lateVersusSwap, lateVersusShutdown, lateFlushes,
        ]

        /// Device x is open over a store that answers when told, and a write is under way there.
        private static let openOverLateStore: @Sendable (Stage) -> Void = {
            $0.addLateStore()
            $0.load("x", "0 8 linear late 0")
            $0.resume("x")
            $0.open("x")
            $0.write(1)
        }

        private static let lateVersusSuspend = Scenario(
            "late suspend", "a suspend waits for a store's answer, wherever that comes",
            preemptions: 1, devices: ["x": ""], setup: openOverLateStore,
            threads: [
                "suspend": { stage in
                    stage.suspend("x", .noflush)
                    stage.require(stage.late?.underWay == 0, "suspended with a write under way")
                },
                "write": { $0.write(2, sector: 1) },
                "answer": { $0.late?.letGo() },
            ]
        ) { stage in
            stage.requireSuccess("suspend x")
            stage.resume("x")
            stage.requireLateWrites(2)
        }

        private static let lateVersusSwap = Scenario(
            "late swap", "a table is destroyed after the last answer for it",
            preemptions: 1, devices: ["x": ""],
            setup: { stage in
                openOverLateStore(stage)
                stage.load("x", "0 8 linear b 0")
            },
            threads: [
                "resume": { stage in
                    stage.resume("x", as: "swap")
                    stage.require(
                        stage.devices.users(of: "late") == 0, "the old table is left")
                },
                "answer": { $0.late?.letGo() },
            ]
        ) { stage in
            stage.requireSuccess("swap")
            stage.requireLateWrites(1)
        }

        private static let lateVersusShutdown = Scenario(
            "late removal", "a device that goes by force is gone after the last answer",
            preemptions: 1, devices: ["x": ""], setup: openOverLateStore,
            threads: [
                "shutdown": { stage in
                    stage.seen.attempt("stop") { () throws(DMError) in
                        try stage.devices.shutDown()
                    }
                    stage.require(stage.late?.underWay == 0, "gone with a write under way")
                },
                "answer": { $0.late?.letGo() },
            ]
        ) { stage in
            stage.requireSuccess("stop")
            stage.requireLateWrites(1)
        }

        private static let lateFlushes = Scenario(
            "late flushes", "of several flushes each ends, one at a time, and the device goes",
            preemptions: 1, devices: ["x": ""],
            setup: openOverLateStore,
            threads: [
                "flush": { $0.flush() },
                "flush too": { $0.flush() },
                "answer": { $0.late?.letGo() },
            ]
        ) { stage in
            for request in stage.requests {
                stage.require(stage.error(of: request) == nil, "a request failed")
            }
            stage.close()
            stage.remove("x")
            stage.requireSuccess("remove x")
            stage.require(stage.devices.users(of: "late") == 0, "a table is left")
        }
    }

    extension Stage {
        /// Store "late", of 8 sectors, answers when told.
        fileprivate func addLateStore() {
            let store = LateStore(sectors: 8, .whenTold)
            store.memory.beforeCall = { [unowned self] in
                require(devices.users(of: "late") > 0, "I/O through a table that is gone")
            }
            late = devices.addStore("late", store)
            stores.append("late")
        }

        /// Each write got to the store, a sector after the other.
        fileprivate func requireLateWrites(_ count: Int) {
            for request in requests {
                require(error(of: request) == nil, "a write failed")
            }
            for sector in 0..<count {
                require(byte(of: "late", sector: sector) == UInt8(sector + 1), "a write was lost")
            }
        }
    }
#endif
