//  The store in numbers.

import Metrics
import Store

extension GatewayFacts {
    var storeFamilies: [MetricFamily] {
        func gauge(_ name: StaticString, _ help: String, _ value: Int64) -> MetricFamily {
            MetricFamily(metric(name), .gauge, help, .whole(value))
        }
        func counter(_ name: StaticString, _ help: String, _ value: Int) -> MetricFamily {
            MetricFamily(metric(name), .counter, help, .whole(Int64(value)))
        }
        func histogram(_ name: StaticString, _ help: String, _ value: Histogram) -> MetricFamily {
            MetricFamily(metric(name), .histogram, help, .histogram(value))
        }
        return [
            counter("store_transactions_total", "Transactions on the disk.", store.commits),
            counter(
                "store_transactions_lost_total",
                "Transactions that were undone as a whole; their jobs were then tried one by one.",
                store.lostCommits
            ),
            histogram(
                "store_commit_duration_seconds",
                "How long commits took, the wait for the disk included.",
                store.commitDuration
            ),
            histogram("store_transaction_jobs", "How many jobs shared a transaction.", store.group),
            counter(
                "store_jobs_failed_total",
                "Jobs that failed, by their own fault or the disk's.",
                store.failedJobs
            ),
            gauge("store_jobs_queued", "Jobs that wait for the writer.", Int64(store.queued)),
            histogram(
                "store_checkpoint_duration_seconds",
                "How long it took to move the write-ahead log into the file.",
                store.checkpointDuration
            ),
            gauge("store_database_bytes", "The size of the database file.", store.fileBytes),
            gauge("store_wal_bytes", "The size of the write-ahead log.", store.logBytes),
            gauge("store_wal_pages", "Pages in the write-ahead log after the last commit.", Int64(store.logPages)),
            gauge("store_last_sequence", "The sequence of the last committed change.", lastSequence),
            gauge("search_backlog_changes", "Changes that the search index has not seen.", store.searchBacklog),
        ]
    }
}
