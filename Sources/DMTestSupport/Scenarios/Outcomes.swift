#if DEBUG
    import DeviceMapper
    import SystemPackage

    /// What the threads of one run saw: written by them, looked at when they ended.
    final class Outcomes: @unchecked Sendable {
        // @unchecked: the schedule's threads run one at a time, and pass the token under a mutex.
        private var results: [String: Result<Void, DMError>] = [:]
        private var broken: [String] = []

        /// Does something, and keeps how it ended.
        func attempt(_ what: String, _ body: () throws(DMError) -> Void) {
            do {
                try body()
                results[what] = .success(())
            } catch {
                results[what] = .failure(error)
            }
        }

        func succeeded(_ what: String) -> Bool {
            if case .success = results[what] { return true }
            return false
        }

        func errno(_ what: String) -> Errno? {
            if case .failure(let error) = results[what] { return error.errno }
            return nil
        }

        /// A promise. What is said is what is broken.
        func require(_ holds: Bool, _ otherwise: @autoclosure () -> String) {
            if !holds { broken.append(otherwise()) }
        }

        /// Ends the core, and looks that nothing is left.
        func end(_ devices: MemoryDevices, stores: [String]) -> [String] {
            attempt("shutdown") { () throws(DMError) in try devices.shutDown() }
            for store in stores {
                require(
                    devices.users(of: store) == 0,
                    "a table outlives its device: \(devices.users(of: store)) hold \(store)")
            }
            return broken
        }
    }
#endif
