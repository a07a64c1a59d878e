//  What deliveries came to, counted for as long as the process lives, and what waits.

public import HTTPCore
public import Metrics
public import Platform
import Synchronization

/// Deliveries since the start, and the dispatcher's queues at this moment.
public struct DeliveryCounts: Equatable, Sendable {
    /// What an attempt meant for its delivery.
    public enum Outcome: String, CaseIterable, Sendable {
        /// The receiver has it.
        case delivered
        /// Tried again later.
        case retried
        /// Given up.
        case dead
        /// The receiver wants nothing more (410).
        case gone
    }

    /// Attempts by what they meant.
    public var outcomes: [Outcome: Int64] = [:]
    /// Attempts by what the receiver answered.
    public var exchanges: [ExchangeOutcome: Int64] = [:]
    /// How long attempts took.
    public var duration = Histogram(.duration)
    /// What the dispatcher holds.
    public var depth = DispatcherDepth()

    /// Nothing counted yet.
    public init() {}
}

/// What the dispatcher holds in memory.
public struct DispatcherDepth: Equatable, Sendable {
    /// Events read and not yet sent.
    public var queued = 0
    /// Attempts under way.
    public var inFlight = 0
    /// Outcomes that are not yet written.
    public var unwritten = 0
    /// How far the slowest enabled webhook has read the log; `nil` without one.
    public var readTo: Int64?
    /// When the oldest event happened that is queued or under way.
    public var oldestAt: Timestamp?

    /// Nothing.
    public init() {}
}

/// Counts attempts, and keeps the last look at the queues.
public final class DeliveryMeter: Sendable {
    private let counts = Mutex(DeliveryCounts())

    /// Nothing counted yet.
    public init() {}

    /// Everything so far.
    public var current: DeliveryCounts { counts.withLock { $0 } }

    /// An attempt ended.
    func attempted(_ exchange: ExchangeOutcome, _ outcome: DeliveryOutcome, nanoseconds: Int64) {
        counts.withLock { counts in
            counts.exchanges[exchange, default: 0] += 1
            counts.duration.record(nanoseconds)
            if let outcome = outcome.counted { counts.outcomes[outcome, default: 0] += 1 }
        }
    }

    /// A delivery was given up without an attempt.
    func lost() {
        counts.withLock { $0.outcomes[.dead, default: 0] += 1 }
    }

    /// How the queues stand.
    func measured(_ depth: DispatcherDepth) {
        counts.withLock { $0.depth = depth }
    }
}

extension DeliveryOutcome {
    /// What is counted; an attempt that we broke off ourselves is as if it had not been.
    fileprivate var counted: DeliveryCounts.Outcome? {
        switch self {
        case .delivered: .delivered
        case .retry: .retried
        case .dead: .dead
        case .gone: .gone
        case .none: nil
        }
    }
}
