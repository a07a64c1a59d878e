//  The one thread that commits: natural group commit, checkpoints, and the search index when nothing else waits.

import CSQLite
import Log
import Metrics
import Platform
import Synchronization

/// Takes whatever queued up while it was committing as its next transaction.
///
/// `@unchecked Sendable`: database, transaction and the plain members are touched by the writer's thread alone once
/// it runs; the queue and the statistics have their locks.
final class Writer: @unchecked Sendable {
    /// Most jobs in one transaction: bounds what a lost transaction costs, and how long its first job waits.
    private static let groupLimit = 512
    private static let followEveryMilliseconds: Int64 = 500

    private struct State {
        var jobs: [Job] = []
        var isStopping = false
        var isEnded = false
        var failure: StoreError?
        var stopped: [CheckedContinuation<Void, Never>] = []
        var statistics = StoreStatistics()
    }
    private let state = Mutex(State())
    private let condition = Condition()
    private let log: Log
    private let shared: SharedState
    private let checkpointPages: Int
    private let onFailure: @Sendable (StoreError) -> Void
    private var database: Database?
    private var transaction: Transaction?
    private var logPages = 0
    /// Pages in the log at the last checkpoint.
    private var checkpointedPages = 0
    /// True when all of the log is in the file.
    private var isLogMoved = false
    private var followedAt: Int64 = 0
    /// The same of keys of an older file.
    private var upgradedAt: Int64 = 0
    /// False while it is certain that no runs of look-up keys are to be merged.
    private var mayMerge = true
    /// True when no job has come for a second.
    private var isQuiet = false
    private var indexRetryAt: Int64 = 0
    /// False while it is certain that every contact has all its look-up keys.
    private var mayHaveFormerKeys: Bool
    private var keysRetryAt: Int64 = 0

    init(
        database: Database,
        shared: SharedState,
        disk: DiskAccess,
        log: Log,
        onFailure: @escaping @Sendable (StoreError) -> Void
    ) throws(StoreError) {
        self.database = database
        self.shared = shared
        mayHaveFormerKeys = shared.mayHaveFormerKeys
        checkpointPages = disk.checkpointPages
        self.log = log
        self.onFailure = onFailure
        let transaction = try Transaction(database: database, shared: shared, largestTree: disk.largestTree)
        self.transaction = transaction
        shared.committed(sequence: transaction.sequence, searchPosition: transaction.searchPosition)
    }

    var statistics: StoreStatistics {
        state.withLock { state in
            var statistics = state.statistics
            statistics.queued = state.jobs.count
            return statistics
        }
    }

    func start() {
        PosixThread.start(name: "store-writer", precedence: .second) { [self] in run() }
    }

    func enqueue(_ job: Job) {
        let refusal: StoreError? = state.withLock { state in
            if let failure = state.failure { return failure }
            if state.isStopping { return StoreError(.closed, "the store is closed") }
            state.jobs.append(job)
            return nil
        }
        if let refusal { job.answer(refusal) } else { condition.signal() }
    }

    func stop() async {
        await withCheckedContinuation { continuation in
            let isEnded = state.withLock { state in
                state.isStopping = true
                if !state.isEnded { state.stopped.append(continuation) }
                return state.isEnded
            }
            if isEnded { continuation.resume() } else { condition.signal() }
        }
    }

    // MARK: The thread

    private func run() {
        if let database {
            sqlite3_wal_hook(
                database.handle,
                { writer, _, _, pages in
                    guard let writer else { return SQLITE_OK }
                    Unmanaged<Writer>.fromOpaque(writer).takeUnretainedValue().logPages = Int(pages)
                    return SQLITE_OK
                },
                Unmanaged.passUnretained(self).toOpaque()
            )
        }
        while let database, let transaction {
            let (jobs, isStopping, failure) = takeJobs()
            if let failure {
                for job in jobs { job.answer(failure) }
                if isStopping { break }
                if jobs.isEmpty { condition.wait() }
            } else if !jobs.isEmpty {
                commit(jobs, transaction, database)
                // Nothing is done on a disk of which nobody knows what it has.
                if state.withLock({ $0.failure }) != nil { continue }
                if logPages < checkpointedPages { checkpointedPages = 0 }  // the log began anew
                isLogMoved = false
                if logPages - checkpointedPages >= checkpointPages { checkpoint(database) }
                // A queue that is never empty must not leave the index behind for ever.
                if transaction.searchPosition < transaction.sequence,
                    Monotonic.milliseconds() - followedAt > Self.followEveryMilliseconds
                {
                    _ = followIndex(transaction, database)
                }
                if Monotonic.milliseconds() - upgradedAt > Self.followEveryMilliseconds {
                    _ = upgradeKeys(transaction, database)
                }
                isQuiet = false
                mergeNewRuns(transaction, database)
            } else if isStopping {
                break
            } else if followIndex(transaction, database) {
                continue
            } else if upgradeKeys(transaction, database) {
                mergeNewRuns(transaction, database)
            } else {
                rest(transaction, database)
            }
        }
        end()
    }

    private func takeJobs() -> ([Job], isStopping: Bool, StoreError?) {
        state.withLock { state in
            let jobs: [Job]
            if state.jobs.count <= Self.groupLimit {
                jobs = state.jobs
                state.jobs = []
            } else {
                jobs = Array(state.jobs.prefix(Self.groupLimit))
                state.jobs.removeFirst(Self.groupLimit)
            }
            return (jobs, state.isStopping, state.failure)
        }
    }

    /// Nothing waits: after a second of quiet runs of look-up keys are merged, and the log is moved into the file.
    private func rest(_ transaction: Transaction, _ database: Database) {
        if mayMerge, isQuiet {
            mergeLookups(isBusy: false, transaction, database) { _ in 20_000 }
        } else if mayMerge || logPages > 0 && !isLogMoved {
            guard !condition.wait(milliseconds: 1000) else { return }
            isQuiet = true
            if !mayMerge {
                checkpoint(database)
                sqlite3_db_release_memory(database.handle)  // the cache of an import is of no use to an idle writer
            }
        } else if transaction.searchPosition < transaction.sequence || mayHaveFormerKeys {
            condition.wait(milliseconds: 1000)
        } else {
            condition.wait()
        }
    }

    private func end() {
        if let database, state.withLock({ $0.failure }) == nil {
            do throws(StoreError) { _ = try database.checkpoint(SQLITE_CHECKPOINT_TRUNCATE) } catch {
                // The log is as good a place, and the next start reads it; not where a sync has failed.
                if error.isFatal { failForGood(error, jobs: []) }
            }
        }
        transaction = nil
        database = nil
        let (jobs, stopped) = state.withLock { state in
            state.isEnded = true
            let left = (state.jobs, state.stopped)
            state.jobs = []
            state.stopped = []
            return left
        }
        for job in jobs { job.answer(StoreError(.closed, "the store is closed")) }
        for continuation in stopped { continuation.resume() }
    }

    // MARK: Commit

    /// One transaction with all these jobs. A job that throws is undone by itself; when the whole transaction is
    /// lost, each job gets one of its own, so that only those fail that really cannot be written.
    private func commit(_ jobs: [Job], _ transaction: Transaction, _ database: Database) {
        let start = transaction.mark()
        var done: [Job] = []
        var isCommitting = false
        do throws(StoreError) {
            try database.statement(SQL.begin).run()
            let isAlone = jobs.count == 1
            if !isAlone { done = try runSure(jobs, transaction) }
            for job in jobs where isAlone || !job.isSure {
                if try run(job, alone: isAlone, transaction, database) { done.append(job) }
            }
            try transaction.finishGroup()
            let began = Monotonic.nanoseconds()
            isCommitting = true
            try database.statement(SQL.commit).run()
            succeeded(done, transaction, nanoseconds: Monotonic.nanoseconds() - began)
        } catch {
            if database.isInTransaction {
                // The transaction is lost either way; what matters is the error that lost it.
                try? database.statement(SQL.rollback).run()
            }
            transaction.restore(start)
            transaction.endGroup()
            state.withLock { $0.statistics.lostCommits += 1 }
            if error.isFatal { return failForGood(error, jobs: jobs.filter { !$0.isAnswered }) }
            if isCommitting { emptyLog(database) }
            for job in jobs where !job.isAnswered {
                if jobs.count == 1 {
                    refuse(job, error)
                } else if let failure = state.withLock({ $0.failure }) {
                    refuse(job, failure)
                } else {
                    commit([job], transaction, database)
                }
            }
        }
    }

    /// Runs the jobs that need no savepoint; their look-up keys are written together, in order.
    ///
    /// - Returns: Those jobs.
    /// - Throws: What lost the whole transaction.
    private func runSure(_ jobs: [Job], _ transaction: Transaction) throws(StoreError) -> [Job] {
        let sure = jobs.filter(\.isSure)
        for job in sure {
            do { try job.run(in: transaction) } catch {
                throw error as? StoreError ?? StoreError(.other, "\(error)")
            }
        }
        if !sure.isEmpty { try transaction.finishJob() }
        return sure
    }

    /// Runs a job inside the transaction.
    ///
    /// - Returns: True when it is to be answered with the commit; false when it failed and was answered.
    /// - Throws: What lost the whole transaction.
    private func run(
        _ job: Job,
        alone: Bool,
        _ transaction: Transaction,
        _ database: Database
    ) throws(StoreError) -> Bool {
        let mark = transaction.mark()
        if !alone { try database.statement(SQL.savepoint).run() }
        do {
            try job.run(in: transaction)
            try transaction.finishJob()
        } catch {
            if let error = error as? StoreError, error.isFatal || !database.isInTransaction { throw error }
            if alone || !database.isInTransaction {
                // Ends the transaction, so that nothing is committed for a job that did nothing.
                try database.statement(SQL.rollback).run()
                try database.statement(SQL.begin).run()
            } else {
                try database.statement(SQL.rollbackToSavepoint).run()
                try database.statement(SQL.release).run()
            }
            transaction.restore(mark)
            refuse(job, error)
            return false
        }
        if !alone { try database.statement(SQL.release).run() }
        return true
    }

    private func succeeded(_ jobs: [Job], _ transaction: Transaction, nanoseconds: Int64) {
        let isNews = transaction.isNews
        transaction.endGroup()
        shared.committed(sequence: transaction.sequence, searchPosition: transaction.searchPosition)
        state.withLock { state in
            state.statistics.commitDuration.record(nanoseconds)
            state.statistics.group.record(Int64(jobs.count))
            state.statistics.logPages = logPages
        }
        for job in jobs { job.answer(nil) }
        if isNews { shared.announce() }
    }

    /// A COMMIT can fail after its last frame was synced: SQLite 3.40 lengthens the log's index behind that (wal.c,
    /// `sqlite3WalFrames`), which takes room. The next start would find the frames and bring back what was refused, so
    /// everything before them is moved into the file and the log begins anew.
    private func emptyLog(_ database: Database) {
        do throws(StoreError) {
            let (frames, _) = try database.checkpoint(SQLITE_CHECKPOINT_TRUNCATE)
            isLogMoved = frames == 0
            if isLogMoved { checkpointedPages = 0 }
        } catch {
            if error.isFatal { return failForGood(error, jobs: []) }
            log.warning("store.checkpoint_failed", ["reason": error.message])
        }
    }

    private func refuse(_ job: Job, _ error: any Error) {
        state.withLock { $0.statistics.failedJobs += 1 }
        job.answer(error)
    }

    /// After a failed sync nobody knows what is on the disk, and asking again may lie (ENGINEERING: fsync). Nothing
    /// more is acknowledged; the next start recovers.
    private func failForGood(_ error: StoreError, jobs: [Job]) {
        log.error("store.failed", ["reason": error.message])
        // Its pages are taken for written: another checkpoint would succeed, and the log go with what the disk lacks.
        if let database { _ = csqlite_close_without_checkpoint(database.handle) }
        state.withLock { $0.failure = error }
        for job in jobs { refuse(job, error) }
        onFailure(error)
    }

    // MARK: When nothing waits

    /// Takes one bite of the changes that the search index has not seen.
    ///
    /// - Returns: False when there was nothing to do, or it cannot be done now.
    private func followIndex(_ transaction: Transaction, _ database: Database) -> Bool {
        guard transaction.searchPosition < transaction.sequence, Monotonic.milliseconds() >= indexRetryAt else {
            return false
        }
        let start = transaction.mark()
        do throws(StoreError) {
            try database.statement(SQL.begin).run()
            try transaction.search.follow(changes: 1000)
            try database.statement(SQL.commit).run()
            followedAt = Monotonic.milliseconds()
            isLogMoved = false
            shared.committed(sequence: transaction.sequence, searchPosition: transaction.searchPosition)
            if logPages - checkpointedPages >= checkpointPages { checkpoint(database) }
            return true
        } catch {
            if database.isInTransaction {
                try? database.statement(SQL.rollback).run()  // lost either way
            }
            transaction.restore(start)
            if error.isFatal {
                failForGood(error, jobs: [])
            } else {
                log.error("store.index_failed", ["reason": error.message])
                indexRetryAt = Monotonic.milliseconds() + 5000
            }
            return false
        }
    }

    /// Gives some contacts of an older file the look-up keys of today.
    ///
    /// - Returns: False when there was nothing to do, or it cannot be done now.
    private func upgradeKeys(_ transaction: Transaction, _ database: Database) -> Bool {
        guard mayHaveFormerKeys, Monotonic.milliseconds() >= keysRetryAt else { return false }
        let start = transaction.mark()
        do throws(StoreError) {
            try database.statement(SQL.begin).run()
            let upgrade = KeyUpgrade(transaction: transaction, database: database, shared: shared)
            let isDone = try upgrade.advance(contacts: 500)
            try database.statement(SQL.commit).run()
            mayHaveFormerKeys = !isDone
            upgradedAt = Monotonic.milliseconds()
            isLogMoved = false
            shared.committed(sequence: transaction.sequence, searchPosition: transaction.searchPosition)
            if logPages - checkpointedPages >= checkpointPages { checkpoint(database) }
            return true
        } catch {
            if database.isInTransaction {
                try? database.statement(SQL.rollback).run()  // lost either way
            }
            transaction.restore(start)
            if error.isFatal {
                failForGood(error, jobs: [])
            } else {
                log.error("store.keys_failed", ["reason": error.message])
                keysRetryAt = Monotonic.milliseconds() + 5000
            }
            return false
        }
    }

    /// Behind a new run many are merged although jobs wait. How far goes by what was added, and by how many there are, so
    /// that they do not pile up while large ones are merged.
    private func mergeNewRuns(_ transaction: Transaction, _ database: Database) {
        let entries = transaction.newRunEntries
        if entries == 0 { return }
        transaction.newRunEntries = 0
        mayMerge = true
        mergeLookups(isBusy: true, transaction, database) { runs in min(100_000, entries * max(8, runs)) }
    }

    /// Merges runs of look-up keys for a while, where there are any to be merged.
    private func mergeLookups(
        isBusy: Bool,
        _ transaction: Transaction,
        _ database: Database,
        entries: (_ runs: Int) -> Int
    ) {
        do throws(StoreError) {
            let lookups = LookupTable(database: database)
            guard try lookups.wantsMerge(isBusy: isBusy) else {
                if !isBusy { mayMerge = false }
                return
            }
            try database.statement(SQL.begin).run()
            try lookups.merge(entries: entries(lookups.runs().count))
            try database.statement(SQL.commit).run()
            isLogMoved = false
            shared.committed(sequence: transaction.sequence, searchPosition: transaction.searchPosition)
            if logPages - checkpointedPages >= checkpointPages { checkpoint(database) }
        } catch {
            if database.isInTransaction {
                try? database.statement(SQL.rollback).run()  // lost either way
            }
            if error.isFatal { return failForGood(error, jobs: []) }
            log.error("store.merge_failed", ["reason": error.message])
            mayMerge = false  // not again before there is more to merge
        }
    }

    private func checkpoint(_ database: Database) {
        do throws(StoreError) {
            // Readers that never rest keep the log from starting anew; far above the mark they are waited for.
            let isLong = logPages > 3 * checkpointPages
            let began = Monotonic.nanoseconds()
            let (frames, moved) = try database.checkpoint(
                isLong ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE
            )
            checkpointedPages = logPages
            isLogMoved = moved >= frames
            let nanoseconds = Monotonic.nanoseconds() - began
            state.withLock { $0.statistics.checkpointDuration.record(nanoseconds) }
        } catch {
            checkpointedPages = logPages  // not again before the log has grown by as much
            if error.isFatal { return failForGood(error, jobs: []) }
            log.warning("store.checkpoint_failed", ["reason": error.message])
        }
    }

    private enum SQL {
        static let begin = Query("begin immediate")
        static let commit = Query("commit")
        static let rollback = Query("rollback")
        static let savepoint = Query("savepoint job")
        static let release = Query("release job")
        static let rollbackToSavepoint = Query("rollback to job")
    }
}
