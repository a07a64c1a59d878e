//  What the runs of each connection came to, counted for as long as the process lives.

public import Metrics
public import Store
import Synchronization
public import Vendors

/// The runs of one connection since the start. Dry runs are not counted: they change nothing.
public struct SyncCounts: Equatable, Sendable {
    /// A mode and how its runs ended.
    public struct Ending: Hashable, Sendable {
        /// The mode that the run had at its end: a delta without a mark becomes a full run.
        public var mode: RunMode
        /// `done`, `held` or `failed`.
        public var state: RunState
    }

    /// Runs that ended.
    public var runs: [Ending: Int64] = [:]
    /// How long they took.
    public var duration: [RunMode: Histogram] = [:]
    /// Pages and records as they were stored, those of runs under way included.
    public var records = RunCounts()

    /// Nothing counted yet.
    public init() {}
}

/// Counts runs and records by connection. It outlives the workers, which a reload replaces.
public final class SyncMeter: Sendable {
    private let counts = Mutex<[String: SyncCounts]>([:])

    /// Nothing counted yet.
    public init() {}

    /// Everything so far, by the connection's id.
    public var current: [String: SyncCounts] { counts.withLock { $0 } }

    /// A run went on: what its counts were and are.
    func moved(_ connection: String, from old: RunCounts, to new: RunCounts) {
        guard old != new else { return }
        counts.withLock { counts in
            counts[connection, default: SyncCounts()].records.add(new, since: old)
        }
    }

    /// A run ended.
    func ended(_ connection: String, _ mode: RunMode, _ state: RunState, nanoseconds: Int64) {
        counts.withLock { counts in
            let ending = SyncCounts.Ending(mode: mode, state: state)
            counts[connection, default: SyncCounts()].runs[ending, default: 0] += 1
            counts[connection, default: SyncCounts()].duration[mode, default: Histogram(.longDuration)]
                .record(nanoseconds)
        }
    }
}

extension RunCounts {
    /// Adds what came between two moments of one run. A walk that begins anew never counts backwards.
    fileprivate mutating func add(_ new: RunCounts, since old: RunCounts) {
        pages += max(0, new.pages - old.pages)
        seen += max(0, new.seen - old.seen)
        created += max(0, new.created - old.created)
        updated += max(0, new.updated - old.updated)
        deleted += max(0, new.deleted - old.deleted)
        unchanged += max(0, new.unchanged - old.unchanged)
        quarantined += max(0, new.quarantined - old.quarantined)
    }
}
