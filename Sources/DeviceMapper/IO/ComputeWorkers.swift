import CLinux
import Glibc

/// The threads for what takes CPU time over the bytes of requests, such as a cipher: as many as there are
/// processors. Devices take turns, however many requests one of them has.
final class ComputeWorkers: Sendable {
    /// One step of a target over one request.
    struct Job {
        /// In flight in the device: so it keeps its target, and the device.
        let request: IORequest
        let target: Unmanaged<Target>
        let step: Int
        /// Tells the devices apart.
        let device: ObjectIdentifier
    }

    /// The jobs of each device in order of arrival, and one of each in turn.
    struct FairJobs: JobOrder {
        private var waiting: [ObjectIdentifier: FIFO<Job>] = [:]
        private var turns = FIFO<ObjectIdentifier>()
        private(set) var count = 0

        mutating func append(_ job: Job) {
            if waiting[job.device, default: FIFO()].isEmpty { turns.append(job.device) }
            waiting[job.device, default: FIFO()].append(job)
            count += 1
        }

        mutating func popFirst() -> Job? {
            guard let device = turns.popFirst(), let job = waiting[device]?.popFirst() else {
                return nil
            }
            count -= 1
            if waiting[device]?.isEmpty == false {
                turns.append(device)
            } else {
                waiting[device] = nil
            }
            return job
        }
    }

    private let threads: WorkerThreads<FairJobs>

    init() {
        threads = WorkerThreads(
            "dmfuse-compute", .io, maximum: sysconf(Int32(_SC_NPROCESSORS_ONLN))
        ) { job in
            // The I/O that follows is for I/O threads: these must not wait.
            job.request.placement = .handOver
            job.target._withUnsafeGuaranteedRef { $0.compute(job.request, step: job.step) }
        }
    }

    fileprivate func run(_ job: Job) { threads.run(job) }

    /// Ends the threads when no work is left. Nothing may be given to them any more.
    func stop() { threads.stop() }
}

/// A device's turn at the compute threads.
struct ComputeTurn: Sendable {
    private let workers: ComputeWorkers
    private let device: ObjectIdentifier

    init(_ workers: ComputeWorkers, of device: MappedDevice) {
        self.workers = workers
        self.device = ObjectIdentifier(device)
    }

    /// Has one of the threads call `target.compute(request, step: step)`. The request is in flight there.
    func run(_ request: IORequest, for target: Target, step: Int) {
        workers.run(
            ComputeWorkers.Job(
                request: request, target: .passUnretained(target), step: step, device: device))
    }
}
