//  Time that never steps back.

import Glibc

/// The machine's monotonic clock as plain integers, for deadlines and durations.
public enum Monotonic {
    /// Milliseconds since some fixed moment.
    public static func milliseconds() -> Int64 { nanoseconds() / 1_000_000 }

    /// Nanoseconds since some fixed moment.
    public static func nanoseconds() -> Int64 {
        var spec = timespec()
        clock_gettime(CLOCK_MONOTONIC, &spec)
        return Int64(spec.tv_sec) * 1_000_000_000 + Int64(spec.tv_nsec)
    }
}

extension Duration {
    /// Whole milliseconds, rounded towards zero; the largest number when it does not fit.
    public var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        return overflow ? .max : product &+ attoseconds / 1_000_000_000_000_000
    }
}
