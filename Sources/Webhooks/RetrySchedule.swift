//  When to try a webhook again. Pure arithmetic: no clock, no I/O; randomness is a parameter.

/// The waits between delivery attempts, and how a receiver's `Retry-After` bends them.
public struct RetrySchedule: Equatable, Sendable {
    /// Waits in seconds; entry 0 follows the first failed attempt.
    public var waits: [Int]
    /// How far a wait may stray, as a share of it.
    public var jitter = 0.2
    /// The longest wait in milliseconds.
    public static let longest: Int64 = 86_400_000

    /// The schedule of the contract: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
    public static let standard = RetrySchedule(waits: [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400])

    /// Makes a schedule.
    public init(waits: [Int]) {
        self.waits = waits
    }

    /// The pause after a failed attempt (counted from 1).
    ///
    /// - Parameters:
    ///   - attempt: The attempt that failed.
    ///   - retryAfter: Seconds that the receiver asked for. It may slow us down, by a day at most, but never speed
    ///     us up.
    ///   - random: From 0 up to 1.
    /// - Returns: Milliseconds, or `nil` when the schedule is spent.
    public func wait(afterAttempt attempt: Int, retryAfter: Int? = nil, random: Double) -> Int64? {
        precondition(attempt >= 1, "attempts are numbered from 1")
        guard attempt <= waits.count else { return nil }
        let share = 1 - jitter + 2 * jitter * random
        let planned = Int64((Double(waits[attempt - 1]) * 1000 * share).rounded())
        let asked = Int64(min(max(0, retryAfter ?? 0), 86_400)) * 1000
        return min(Self.longest, max(planned, asked))
    }
}
