#if DEBUG
    import DeviceMapper
    import SystemPackage

    /// A fresh core for one run: stores "a", "b" and "c" of 8 sectors each, devices, and short ways
    /// to do things to them. What each attempt came to is kept under its words, "remove x".
    final class Stage: @unchecked Sendable {
        // @unchecked: as `Outcomes`.
        let devices = MemoryDevices()
        let seen = Outcomes()
        let interrupt = Interrupt()
        var handles: [String: DeviceHandle] = [:]
        var requests: [PendingRequest] = []

        /// Of the stores that it has.
        var stores = ["a", "b", "c"]
        /// One that answers later, in the scenarios of it.
        var late: LateStore?

        init() {
            for name in stores {
                let store = devices.addStore(name, sectors: 8)
                store.beforeCall = { [unowned self] in
                    seen.require(
                        devices.users(of: name) > 0, "I/O on \(name) through a table that is gone")
                }
            }
        }

        var registry: DeviceRegistry { devices.registry }

        // MARK: Attempts

        func create(
            _ name: String, uuid: String = "", minor: UInt32? = nil, as words: String? = nil
        ) {
            seen.attempt(words ?? "create \(name)") { () throws(DMError) in
                _ = try registry.create(
                    name: ByteString(name), uuid: ByteString(uuid), minor: minor)
            }
        }

        func open(_ name: String, as opener: String = "opener") {
            seen.attempt("open \(name)") { () throws(DMError) in
                handles[opener] = try devices.open(name)
            }
        }

        func close(_ opener: String = "opener") { handles.removeValue(forKey: opener)?.close() }

        func remove(_ name: String, deferred: Bool = false, as words: String? = nil) {
            seen.attempt(words ?? "remove \(name)") { () throws(DMError) in
                _ = try registry.remove(.name(ByteString(name)), deferred: deferred)
            }
        }

        func load(_ name: String, _ table: String) {
            seen.attempt("load \(name) \(table)") { () throws(DMError) in
                try devices.load(name, table)
            }
        }

        func clear(_ name: String, as words: String? = nil) {
            seen.attempt(words ?? "clear \(name)") { () throws(DMError) in
                _ = try registry.clear(.name(ByteString(name)))
            }
        }

        func suspend(
            _ name: String, _ flags: SuspendFlags = [], _ interrupt: Interrupt? = nil,
            as words: String? = nil
        ) {
            seen.attempt(words ?? "suspend \(name)") { () throws(DMError) in
                _ = try registry.suspend(.name(ByteString(name)), flags, interrupt)
            }
        }

        func resume(_ name: String, _ interrupt: Interrupt? = nil, as words: String? = nil) {
            seen.attempt(words ?? "resume \(name)") { () throws(DMError) in
                _ = try registry.resume(.name(ByteString(name)), [], interrupt)
            }
        }

        func rename(_ name: String, to new: String) {
            seen.attempt("rename \(name) \(new)") { () throws(DMError) in
                _ = try registry.rename(ByteString(name), to: ByteString(new))
            }
        }

        func setUUID(_ name: String, to uuid: String) {
            seen.attempt("uuid \(name)") { () throws(DMError) in
                _ = try registry.setUUID(ByteString(name), to: ByteString(uuid))
            }
        }

        func cancelDeferredRemove(_ name: String) {
            seen.attempt("cancel \(name)") { () throws(DMError) in
                _ = try registry.message(
                    .name(ByteString(name)), sector: 0,
                    words: [ByteString("@cancel_deferred_remove")])
            }
        }

        /// Waits for an event after the first `known`; nil: an error.
        @discardableResult
        func wait(_ name: String, after known: UInt32, as words: String = "wait") -> DeviceInfo? {
            var info: DeviceInfo?
            seen.attempt(words) { () throws(DMError) in
                info = try registry.wait(
                    .name(ByteString(name)), forEventOtherThan: known, .info, inactive: false,
                    interrupt
                ).info
            }
            return info
        }

        /// Fills sectors, without waiting for the end.
        @discardableResult
        func write(
            _ byte: UInt8, sector: Int = 0, count: Int = 1, by opener: String = "opener"
        ) -> PendingRequest? {
            guard let handle = handles[opener] else { return nil }
            let request = handle.beginWrite(
                UInt64(sector) * 512, [UInt8](repeating: byte, count: count * 512))
            requests.append(request)
            return request
        }

        /// Without waiting for the end.
        func flush(by opener: String = "opener") {
            guard let handle = handles[opener] else { return }
            requests.append(handle.beginFlush())
        }

        // MARK: Looks

        func info(_ name: String) -> DeviceInfo? {
            try? registry.info(.name(ByteString(name)))
        }

        /// The lines of a table, "0 8 linear 251:0 0"; nil: no such device.
        func table(_ name: String, inactive: Bool = false) -> [String]? {
            let status = try? registry.tableStatus(
                .name(ByteString(name)), .table(paths: false), inactive: inactive)
            return status?.lines.map { "\($0.start) \($0.length) \($0.targetType) \($0.text)" }
        }

        var names: [String] { registry.list().map(\.name.string) }

        /// What the store reads at the beginning of a sector.
        func byte(of store: String, sector: Int = 0) -> UInt8? {
            devices.store(store)?.contents[sector * 512]
        }

        func error(of request: PendingRequest?) -> Errno? { request?.wait()?.error }

        // MARK: Promises

        func require(_ holds: Bool, _ otherwise: @autoclosure () -> String) {
            seen.require(holds, otherwise())
        }

        func succeeded(_ words: String) -> Bool { seen.succeeded(words) }

        func requireSuccess(_ words: String...) {
            for words in words {
                require(
                    succeeded(words), "\(words): \(seen.errno(words).map { "\($0)" } ?? "not done")"
                )
            }
        }

        func require(_ words: String, successOr errnos: Errno...) {
            if succeeded(words) { return }
            guard let error = seen.errno(words) else { return require(false, "\(words): not done") }
            require(errnos.contains(error), "\(words): \(error)")
        }

        /// Each request has ended, then everything is closed, shut down, and nothing is left.
        func end() -> [String] {
            for request in requests where request.wait() == nil {
                require(false, "a request never ended")
            }
            for opener in handles.keys.sorted() { close(opener) }
            return seen.end(devices, stores: stores)
        }
    }

    extension Scenario {
        /// A scenario on a `Stage` with these devices, each with a live table ("": none), made in
        /// this order, so that the first has minor 0.
        init(
            _ name: String, _ summary: String, preemptions: Int = 2,
            devices: KeyValuePairs<String, String>,
            setup: @escaping @Sendable (Stage) -> Void = { _ in },
            threads: KeyValuePairs<String, @Sendable (Stage) -> Void>,
            verdict: @escaping @Sendable (Stage) -> Void
        ) {
            let tables = devices.map { ($0.key, $0.value) }
            let bodies = threads.map { ($0.key, $0.value) }
            self.init(name, summary, preemptions: preemptions) {
                let stage = Stage()
                return Run(
                    setup: {
                        for (device, table) in tables {
                            stage.create(device)
                            guard !table.isEmpty else { continue }
                            stage.load(device, table)
                            stage.resume(device)
                        }
                        setup(stage)
                    },
                    threads: bodies.map { thread, body in (thread, { body(stage) }) },
                    verdict: {
                        verdict(stage)
                        return stage.end()
                    })
            }
        }
    }
#endif
