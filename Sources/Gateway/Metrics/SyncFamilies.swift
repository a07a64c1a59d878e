//  Synchronisation in numbers.

import Metrics
import Platform
import Store
import Sync
import Vendors

extension GatewayFacts {
    var syncFamilies: [MetricFamily] {
        let counted = sync.sorted { $0.key < $1.key }
        let synced = connections.compactMap { connection in
            connection.lastGoodRunAt.map { (labels: [MetricFamily.Label("connection", connection.id)], at: $0) }
        }
        return [
            MetricFamily(
                metric("sync_last_good_run_timestamp_seconds"),
                .gauge,
                "The end of the connection's last good run, in seconds since 1970.",
                synced.map { .init($0.labels, .moment($0.at)) }
            ),
            MetricFamily(
                metric("sync_last_good_run_age_seconds"),
                .gauge,
                "How long ago that was.",
                synced.map { .init($0.labels, .fraction(max(0, now.milliseconds - $0.at.milliseconds), of: 1000)) }
            ),
            MetricFamily(
                metric("sync_runs_total"),
                .counter,
                "Runs that ended, by mode and state; dry runs are not counted.",
                counted.flatMap { id, counts in
                    counts.runs.map { ending, count in (labels: labels(id, ending), count: count) }
                        .sorted { "\($0.labels)" < "\($1.labels)" }
                        .map { .init($0.labels, .whole($0.count)) }
                }
            ),
            MetricFamily(
                metric("sync_run_duration_seconds"),
                .histogram,
                "How long runs took.",
                counted.flatMap { id, counts in
                    RunMode.allCases.compactMap { mode in
                        counts.duration[mode].map { histogram in
                            .init([.init("connection", id), .init("mode", mode.rawValue)], .histogram(histogram))
                        }
                    }
                }
            ),
            MetricFamily(
                metric("sync_runs_open"),
                .gauge,
                "Runs under way, and held ones that wait for an approval.",
                connections.flatMap { connection in
                    [("running", connection.runningRuns), ("held", connection.heldRuns)].map { state, count in
                        .init([.init("connection", connection.id), .init("state", state)], .whole(Int64(count)))
                    }
                }
            ),
            MetricFamily(
                metric("sync_records_total"),
                .counter,
                "Records by what became of them, those of runs under way included.",
                counted.flatMap { id, counts in
                    counts.records.byOutcome.map { outcome, count in
                        .init([.init("connection", id), .init("outcome", outcome)], .whole(Int64(count)))
                    }
                }
            ),
            MetricFamily(
                metric("contacts"),
                .gauge,
                "Contacts that are stored.",
                connections.map { .init([.init("connection", $0.id)], .whole(Int64($0.contacts))) }
            ),
            MetricFamily(
                metric("writes_queued"),
                .gauge,
                "Writes that wait for their vendor to come back.",
                connections.map { .init([.init("connection", $0.id)], .whole(Int64($0.queuedWrites))) }
            ),
        ]
    }

    private func labels(_ id: String, _ ending: SyncCounts.Ending) -> [MetricFamily.Label] {
        [.init("connection", id), .init("mode", ending.mode.rawValue), .init("state", ending.state.rawValue)]
    }
}

extension RunCounts {
    /// The counts with the words of their labels.
    fileprivate var byOutcome: [(String, Int)] {
        [
            ("created", created), ("updated", updated), ("deleted", deleted), ("unchanged", unchanged),
            ("quarantined", quarantined),
        ]
    }
}
