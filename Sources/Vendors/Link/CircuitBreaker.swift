//  When to stop asking a vendor that does not answer. Pure: takes events and the time.

/// Opens after several failures in a row, lets one probe through after a while, closes when that succeeds.
///
/// A failure is no answer, or a 5xx. An answer that refuses (401, 403, 429) shows that the vendor is up.
public struct CircuitBreaker: Equatable, Sendable {
    /// What the breaker does with the next call.
    public enum State: String, Sendable {
        case closed, open
        case halfOpen = "half_open"
    }

    /// Failures in a row that open it.
    public let threshold: Int
    /// How long it stays open at first; doubled with each failed probe.
    public let firstPause: Duration
    /// The longest it stays open.
    public let longestPause: Duration

    /// What it does now.
    public private(set) var state = State.closed
    /// While open: when a probe may go.
    public private(set) var opensUntil = Duration.zero
    private var failures = 0
    private var pause: Duration

    /// A closed breaker.
    public init(threshold: Int = 5, firstPause: Duration = .seconds(5), longestPause: Duration = .seconds(60)) {
        self.threshold = threshold
        self.firstPause = firstPause
        self.longestPause = longestPause
        pause = firstPause
    }

    /// Asks for leave to call.
    ///
    /// - Returns: `nil` when the call may go (each such call must be followed by ``succeeded()``, ``failed(at:)`` or
    ///   ``abandoned()``), else how long the breaker stays open.
    public mutating func admit(at now: Duration) -> Duration? {
        switch state {
        case .closed: return nil
        case .open where now >= opensUntil:
            state = .halfOpen
            // Should the probe never report, another may go after this time.
            opensUntil = now + longestPause
            return nil
        case .halfOpen where now >= opensUntil:
            opensUntil = now + longestPause
            return nil
        case .open, .halfOpen: return max(.seconds(1), opensUntil - now)
        }
    }

    /// The vendor answered.
    public mutating func succeeded() {
        state = .closed
        failures = 0
        pause = firstPause
    }

    /// The vendor did not answer, or with a 5xx.
    public mutating func failed(at now: Duration) {
        failures += 1
        switch state {
        case .closed where failures < threshold: return
        case .closed: break
        case .halfOpen: pause = min(longestPause, pause * 2)
        case .open: return
        }
        state = .open
        opensUntil = now + pause
    }

    /// A call ended without telling anything (it was cancelled): a probe's place is free again.
    public mutating func abandoned() {
        if state == .halfOpen { state = .open }
    }
}
