//  When a connection is to be synchronised next, and how. Pure arithmetic: no clock, no I/O, no randomness of its own.

public import Config
public import Platform
public import Vendors

/// Decides which run of one connection is due next, and when.
public struct RunPlanner: Equatable, Sendable {
    /// What has happened to the connection so far.
    public struct History: Equatable, Sendable {
        /// End of the last good run of any kind.
        public var lastGoodAt: Timestamp?
        /// End of the last good full run.
        public var lastFullAt: Timestamp?
        /// End of the last good sweep; a good full run counts as one.
        public var lastSweepAt: Timestamp?
        /// Whether a delta knows where to start.
        public var hasMark = false
        /// Whether something asks for a full run out of turn.
        public var needsFull = false
        /// Failed runs since the last good one.
        public var failures = 0
        /// End of the last failed run.
        public var lastFailureAt: Timestamp?
        /// What the vendor asked for in the last failure.
        public var retryAfterSeconds: Int?

        /// A connection that was never run.
        public init() {}
    }

    /// A run that is due.
    public struct Plan: Equatable, Sendable {
        /// How.
        public var mode: RunMode
        /// When; may be past.
        public var at: Timestamp
    }

    /// Between delta runs, or full ones where there is no delta.
    var every: Duration
    /// Between full runs.
    var fullEvery: Duration
    /// Between sweeps.
    var sweepEvery: Duration
    /// What the vendor's protocol has.
    var lists: Bool
    var hasDelta: Bool
    var sweeps: Bool

    /// A planner for a connection of those settings and roles.
    public init(sync: SyncConfig, deletes: DeletesConfig, capabilities: Capabilities) {
        every = sync.every
        fullEvery = sync.fullEvery
        sweepEvery = deletes.sweepEvery
        lists = capabilities.reads
        hasDelta = capabilities.delta
        sweeps = capabilities.deletes == .sweep
    }

    /// The next run; `nil` for a connection that is never read. The jitter, -1 … 1, is drawn once for each plan and bends
    /// every wait by up to a tenth, so that connections that were started together do not stay together.
    public func next(after history: History, now: Timestamp, jitter: Double) -> Plan? {
        guard lists || hasDelta else { return nil }
        var plan = wanted(after: history, now: now, jitter: jitter)
        if let failedAt = history.lastFailureAt, history.failures > 0 {
            let wait = backoff(failures: history.failures, jitter: jitter)
            let asked = Int64(history.retryAfterSeconds ?? 0) * 1000
            plan.at = max(plan.at, failedAt.advanced(byMilliseconds: max(wait, asked)))
        }
        return plan
    }

    private func wanted(after history: History, now: Timestamp, jitter: Double) -> Plan {
        guard let lastFull = history.lastFullAt, !history.needsFull else { return Plan(mode: .full, at: now) }
        guard hasDelta else { return later(.full, after: lastFull, by: every, jitter) }
        guard history.hasMark else { return Plan(mode: .full, at: now) }
        var plans = [later(.full, after: lastFull, by: fullEvery, jitter)]
        if sweeps {
            plans.append(later(.sweep, after: max(lastFull, history.lastSweepAt ?? lastFull), by: sweepEvery, jitter))
        }
        plans.append(later(.delta, after: history.lastGoodAt ?? lastFull, by: every, jitter))
        // What is due already goes by weight, since a full run does what the others would; else by time.
        return plans.first { $0.at <= now } ?? plans.min { $0.at < $1.at } ?? Plan(mode: .full, at: now)
    }

    private func later(_ mode: RunMode, after start: Timestamp, by wait: Duration, _ jitter: Double) -> Plan {
        Plan(mode: mode, at: start.advanced(byMilliseconds: Self.bent(wait.wholeMilliseconds, jitter)))
    }

    /// Doubles from half a minute (or ``every``, where that is shorter) up to a minute (or ``every``).
    private func backoff(failures: Int, jitter: Double) -> Int64 {
        let base = min(every.wholeMilliseconds, 30_000)
        let most = max(every.wholeMilliseconds, 60_000)
        let doublings = min(failures - 1, 20)
        return Self.bent(min(base << Int64(doublings), most), jitter)
    }

    private static func bent(_ milliseconds: Int64, _ jitter: Double) -> Int64 {
        milliseconds + Int64(Double(milliseconds) * 0.1 * max(-1, min(1, jitter)))
    }
}
