//  Signals as a stream. They are blocked in every thread and taken by one that waits for them.

import Glibc

/// The signals that a server acts on.
public enum Signals {
    /// Blocks the signals and delivers each as an element. Call it before other threads start, since new threads
    /// inherit the mask. SIGPIPE is ignored from then on: a closed peer is an error of `write`.
    public static func stream(_ signals: [Int32]) -> AsyncStream<Int32> {
        signal(SIGPIPE, SIG_IGN)
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self)
        let waited = set
        PosixThread.start(name: "signals") {
            var set = waited
            var number: Int32 = 0
            while sigwait(&set, &number) == 0 { continuation.yield(number) }
        }
        return stream
    }

    /// Ignores SIGPIPE: a closed peer is an error of `write`.
    public static func ignoreBrokenPipes() {
        signal(SIGPIPE, SIG_IGN)
    }
}
