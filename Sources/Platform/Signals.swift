//  Signals as a stream. A handler notes them in a pipe, and a thread of ours reads it.

import CLinux
import Glibc

/// The signals that a server acts on.
public enum Signals {
    /// Catches the signals, whichever thread they hit, and delivers each as an element. SIGPIPE is ignored from then
    /// on: a closed peer is an error of `write`.
    public static func stream(_ signals: [Int32]) -> AsyncStream<Int32> {
        ignoreBrokenPipes()
        let pipe = clinux_catch_signals(signals, Int32(signals.count))
        precondition(pipe >= 0, "signals cannot be caught: errno \(errno)")
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self)
        PosixThread.start(name: "signals") {
            var number: UInt8 = 0
            while true {
                switch read(pipe, &number, 1) {
                case 1: continuation.yield(Int32(number))
                case -1 where errno == EINTR: continue
                default: return continuation.finish()
                }
            }
        }
        return stream
    }

    /// Ignores SIGPIPE: a closed peer is an error of `write`.
    public static func ignoreBrokenPipes() {
        signal(SIGPIPE, SIG_IGN)
    }
}
