//  How fast one connection may ask. Pure arithmetic over a monotonic time that callers pass in.

/// Lets through so many requests a second, and none while the vendor asked for a pause.
public struct TokenBucket: Equatable, Sendable {
    /// Requests a second; `nil` for no limit of ours.
    public let rate: Double?
    /// Most requests at once after a quiet time. Small, so that a window of one second never sees twice the rate.
    public let burst: Double
    /// The vendor wants nothing before this moment.
    public private(set) var heldUntil: Duration?

    private var tokens: Double
    private var filledAt = Duration.zero

    /// A full bucket.
    public init(rate: Double?) {
        self.rate = rate
        burst = max(1, (rate ?? 1) / 10)
        tokens = burst
    }

    /// Takes a token.
    ///
    /// - Returns: `nil` when it was taken, else how long until one may be there.
    public mutating func take(at now: Duration) -> Duration? {
        if let heldUntil {
            guard heldUntil <= now else { return heldUntil - now }
            self.heldUntil = nil
        }
        guard let rate else { return nil }
        tokens = min(burst, tokens + (now - filledAt).seconds * rate)
        filledAt = now
        guard tokens < 1 else {
            tokens -= 1
            return nil
        }
        return .seconds((1 - tokens) / rate)
    }

    /// Lets nothing through until then; an earlier end never shortens a pause.
    public mutating func hold(until moment: Duration) {
        heldUntil = max(heldUntil ?? moment, moment)
    }
}

extension Duration {
    /// Seconds with their fraction.
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }

    /// Whole seconds, rounded up.
    var wholeSeconds: Int { Int(seconds.rounded(.up)) }
}
