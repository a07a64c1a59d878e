//  What one connection's calls came to, counted for as long as the process lives.

public import HTTPCore
public import Metrics
import Synchronization

/// What a call to a vendor was for: one word for all vendors, however their paths read.
public enum VendorOperation: String, CaseIterable, Sendable {
    /// A page of the whole list.
    case list
    /// A page of what changed since a mark, or the mark itself.
    case changes
    /// One record.
    case get
    /// Records that match something.
    case find
    case create, update, delete
    /// A token, new or renewed.
    case signIn = "sign_in"
    /// The account's custom fields.
    case fields
}

/// Counts the exchanges of one connection. It outlives the link, which a reload replaces, so that nothing goes back.
public final class CallMeter: Sendable {
    /// One operation's counts.
    public struct Counts: Equatable, Sendable {
        /// How its exchanges ended.
        public var outcomes: [ExchangeOutcome: Int64] = [:]
        /// How long those took that were sent.
        public var duration = Histogram(.duration)

        /// Nothing counted yet.
        public init() {}
    }

    private let counts = Mutex<[VendorOperation: Counts]>([:])

    /// Nothing counted yet.
    public init() {}

    /// Everything so far.
    public var current: [VendorOperation: Counts] { counts.withLock { $0 } }

    /// Counts an exchange; `nanoseconds` is `nil` for one that was not sent.
    func note(_ operation: VendorOperation, _ outcome: ExchangeOutcome, nanoseconds: Int64?) {
        counts.withLock { counts in
            counts[operation, default: Counts()].outcomes[outcome, default: 0] += 1
            if let nanoseconds { counts[operation, default: Counts()].duration.record(nanoseconds) }
        }
    }
}

/// The meters of all connections that there were since the start, by id.
public final class CallMeters: Sendable {
    private let meters = Mutex<[String: CallMeter]>([:])

    /// No connection yet.
    public init() {}

    /// The meter of that connection; the same one for ever.
    public func meter(of connection: String) -> CallMeter {
        meters.withLock { meters in
            if let meter = meters[connection] { return meter }
            let meter = CallMeter()
            meters[connection] = meter
            return meter
        }
    }

    /// Everything so far, by the connection's id.
    public var current: [String: [VendorOperation: CallMeter.Counts]] {
        meters.withLock { $0 }.mapValues(\.current)
    }
}
