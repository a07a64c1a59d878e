//  What the writer has done, for metrics.

public import Metrics

/// What the writer has done since the store was opened.
public struct StoreStatistics: Equatable, Sendable {
    /// Transactions that were lost as a whole; their jobs were then tried one by one.
    public var lostCommits = 0
    /// Jobs that failed, by their own fault or the disk's.
    public var failedJobs = 0
    /// How long each COMMIT took, the wait for the disk included.
    public var commitDuration = Histogram(.duration)
    /// How many jobs each transaction had.
    public var group = Histogram(.count)
    /// How long each checkpoint took.
    public var checkpointDuration = Histogram(.duration)
    /// Pages in the write-ahead log after the last commit.
    public var logPages = 0
    /// Jobs that waited when the writer last looked.
    public var queued = 0
    /// Changes that the search index has not seen.
    public var searchBacklog: Int64 = 0
    /// The database file, in bytes.
    public var fileBytes: Int64 = 0
    /// The write-ahead log, in bytes.
    public var logBytes: Int64 = 0

    /// Transactions on the disk.
    public var commits: Int { Int(commitDuration.count) }

    /// Nothing done yet.
    public init() {}
}
