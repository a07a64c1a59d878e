//  Forgetting what is old, a little at a time.

import Platform

/// How long things are kept.
public struct RetentionLimits: Equatable, Sendable {
    /// Changes; a reader that stands before them has to begin anew.
    public var changes: Duration
    /// Deliveries that are over, with their attempts, and system events.
    public var deliveries: Duration
    /// Runs that are over.
    public var runs = Duration.seconds(30 * 86_400)
    /// Asynchronous writes that are over.
    public var writes = Duration.seconds(7 * 86_400)
    /// Answers for repeated requests.
    public var answers = Duration.seconds(86_400)

    /// Makes limits.
    public init(changes: Duration, deliveries: Duration) {
        self.changes = changes
        self.deliveries = deliveries
    }
}

extension Store {
    /// Forgets what is older than its limit, in small transactions between those of others. Changes that an enabled
    /// webhook, a waiting delivery or the search index still needs are kept.
    public func forgetOld(_ limits: RetentionLimits) async throws {
        var isMore = true
        while isMore {
            try Task.checkCancellation()
            isMore = try await write { try $0.forgetOld(limits, batch: 2000) }
        }
    }
}

extension Transaction {
    /// - Returns: True when there is more to forget.
    func forgetOld(_ limits: RetentionLimits, batch: Int) throws(StoreError) -> Bool {
        func before(_ age: Duration) -> Timestamp { now.advanced(byMilliseconds: -age.wholeMilliseconds) }
        var isMore = try changes.forget(before: changes.first(notBefore: before(limits.changes)), limit: batch)
        func forget(_ query: Query, _ age: Duration) throws(StoreError) {
            try database.run(query, before(age), batch)
            if database.changedRows == batch { isMore = true }
        }
        try database.run(RetentionSQL.attempts, before(limits.deliveries), batch)
        try forget(RetentionSQL.deliveries, limits.deliveries)
        try forget(RetentionSQL.events, limits.deliveries)
        try database.run(RetentionSQL.runSeen, before(limits.runs))
        try database.run(RetentionSQL.runDeletes, before(limits.runs))
        try database.run(RetentionSQL.runChanges, before(limits.runs))
        try forget(RetentionSQL.runs, limits.runs)
        try forget(RetentionSQL.writes, limits.writes)
        try forget(RetentionSQL.answers, limits.answers)
        return isMore
    }
}

private enum RetentionSQL {
    private static let oldDeliveries =
        "select id from delivery where state <> 0 and updated_at_ms < ? order by id limit ?"
    private static let oldRuns = "select id from run where ended_at_ms < ? and state not in ('running', 'held')"
    static let attempts = Query("delete from attempt where delivery in (\(oldDeliveries))")
    static let deliveries = Query("delete from delivery where id in (\(oldDeliveries))")
    static let events = Query(
        """
        delete from event where id in (
            select id from event
            where  at_ms < ? and not exists (select 1 from delivery where delivery.event = event.id and state = 0)
            order  by id
            limit  ?)
        """
    )
    static let runSeen = Query("delete from run_seen where run in (\(oldRuns))")
    static let runDeletes = Query("delete from run_delete where run in (\(oldRuns))")
    static let runChanges = Query("delete from run_change where run in (\(oldRuns))")
    static let runs = Query("delete from run where id in (\(oldRuns) order by id limit ?)")
    static let writes = Query(
        "delete from write where id in (select id from write where state <> 0 and updated_at_ms < ? order by id limit ?)"
    )
    static let answers = Query(
        "delete from idempotency where (owner, key) in (select owner, key from idempotency where at_ms < ? limit ?)"
    )
}
