//  How many requests a key may send: one bucket for all loops, and the fields that tell its state.

public import Config
import Synchronization

/// The limit of one key, shared by every loop and exact over all of them.
///
/// A token bucket in the form of one number, the moment at which it will be full again (the "virtual scheduling" of
/// ITU-T I.371, known as GCRA), so that taking a token is one compare-and-swap and needs no lock.
public final class RequestLimit: Sendable {
    /// What taking a token came to.
    public struct Outcome: Equatable, Sendable {
        /// Whether the request may go on.
        public var isTaken: Bool
        /// Requests that may follow at once.
        public var remaining: Int
        /// Whole seconds, at least one: until the next token when none is left, else what the rest lasts at the rate.
        public var seconds: Int
    }

    /// What the operator said.
    public let limits: KeyLimits
    private let interval: Int64
    private let capacity: Int64
    private let fullAt = Atomic<Int64>(0)
    private let policy: [UInt8]

    /// A full bucket.
    public init(_ limits: KeyLimits) {
        self.limits = limits
        interval = Int64(1e9 / limits.requestsPerSecond)
        capacity = interval * Int64(limits.burst)
        let window = max(1, Int((Double(limits.burst) / limits.requestsPerSecond).rounded(.up)))
        policy = Array("RateLimit-Policy: \"default\";q=\(limits.burst);w=\(window)\r\n".utf8)
    }

    /// Takes a token if there is one.
    ///
    /// - Parameter now: Nanoseconds of a monotonic clock.
    /// - Returns: Whether it was there, and what is left.
    public func take(at now: Int64) -> Outcome {
        var seen = fullAt.load(ordering: .relaxed)
        while true {
            let next = max(seen, now) + interval
            let debt = next - now
            guard debt <= capacity else {
                return Outcome(isTaken: false, remaining: 0, seconds: Self.seconds(debt - capacity))
            }
            let (isExchanged, original) = fullAt.weakCompareExchange(
                expected: seen,
                desired: next,
                ordering: .relaxed
            )
            if isExchanged { return outcome(debt) }
            seen = original
        }
    }

    /// The `RateLimit-Policy` and `RateLimit` lines of an answer (draft-ietf-httpapi-ratelimit-headers-11 §3, §4).
    public func fields(_ outcome: Outcome) -> [UInt8] {
        policy + Array("RateLimit: \"default\";r=\(outcome.remaining);t=\(outcome.seconds)\r\n".utf8)
    }

    /// §8.5: a client may read `r` over `t` as a rate, so `t` is chosen such that it never suggests more than ours.
    private func outcome(_ debt: Int64) -> Outcome {
        let remaining = (capacity - debt) / interval
        let wait = remaining > 0 ? remaining * interval : debt + interval - capacity
        return Outcome(isTaken: true, remaining: Int(remaining), seconds: Self.seconds(wait))
    }

    private static func seconds(_ nanoseconds: Int64) -> Int {
        max(1, Int((nanoseconds + 999_999_999) / 1_000_000_000))
    }
}
