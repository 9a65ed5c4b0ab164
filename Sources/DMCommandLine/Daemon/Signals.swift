import DeviceMapper
import Glibc

/// SIGTERM, SIGINT and SIGHUP end the daemon cleanly; a second one ends it at once.
///
/// One thread waits for them: no handler runs in the middle of anything.
enum Signals {
    /// To be called before any other thread is started: they all inherit the mask.
    static func block() {
        var set = handled()
        pthread_sigmask(SIG_BLOCK, &set, nil)
        // A client that is gone shows as EPIPE.
        signal(SIGPIPE, SIG_IGN)
        // A file that RLIMIT_FSIZE forbids to grow shows as EFBIG.
        signal(SIGXFSZ, SIG_IGN)
    }

    /// EAGAIN: no thread.
    static func watch(_ ending: Ending) throws(DMError) {
        try Thread.start("dmfuse-signals") {
            var set = handled()
            var number: Int32 = 0
            while sigwait(&set, &number) != 0 {}
            ending.finish(.signal(number))
            while sigwait(&set, &number) != 0 {}
            _exit(1)
        }
    }

    private static func handled() -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for number in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&set, number) }
        return set
    }
}
