//  The store: one file, one writer, and as many readers as there are threads.

import CSQLite
import Glibc
public import Log
public import Platform

/// Contacts, their changes, and everything else that must survive. All calls may be made from any thread.
public final class Store: Sendable {
    private let path: String
    private let disk: DiskAccess
    let shared: SharedState
    let writer: Writer
    /// For reads that somebody waits for, and for all others.
    private let readers: (first: BackgroundReader, second: BackgroundReader)
    // Held for its lock on the file beside the database; let go when the store is.
    private let lock: FileLock

    /// Opens the file, makes it where there is none, and brings it to the newest schema.
    ///
    /// - Parameters:
    ///   - path: The database; its directory is made where it is missing.
    ///   - log: Takes one line for each thing that goes wrong and for each slow commit.
    ///   - clock: Where the time of changes comes from.
    ///   - onFailure: Called once, on the writer's thread, when the store has stopped for good: the process has to
    ///     end with an error, so that the next start recovers what is on the disk.
    /// - Throws: ``StoreError`` with ``StoreError/Code/locked``, ``StoreError/Code/readOnly``,
    ///   ``StoreError/Code/newer`` or ``StoreError/Code/corrupt``, each with what to do in its message.
    public convenience init(
        path: String,
        log: Log,
        clock: @escaping @Sendable () -> Timestamp = Timestamp.now,
        onFailure: @escaping @Sendable (StoreError) -> Void = { _ in }
    ) throws(StoreError) {
        try self.init(path: path, on: DiskAccess(), log: log, clock: clock, onFailure: onFailure)
    }

    /// Opens the file on a disk of the caller's making.
    @_spi(Testing) public init(
        path: String,
        on disk: DiskAccess,
        log: Log,
        clock: @escaping @Sendable () -> Timestamp,
        onFailure: @escaping @Sendable (StoreError) -> Void
    ) throws(StoreError) {
        self.path = path
        self.disk = disk
        lock = try FileLock(beside: path)
        try FailedSync.settle(path, on: disk)
        let database: Database
        do throws(StoreError) { database = try Self.prepared(path, disk) } catch {
            // A step of the schema is committed like any write.
            if error.isFatal { FailedSync.mark(path) }
            throw error
        }
        let meta = MetaTable(database: database)
        shared = SharedState(
            clock: clock,
            lookupHash: Hash64(seed: try meta.hashSeed()),
            tokenKey: try meta.tokenKey(),
            mayHaveFormerKeys: try meta.keysBehind() > 0
        )
        writer = try Writer(
            database: database,
            shared: shared,
            disk: disk,
            log: log,
            onFailure: { error in
                FailedSync.mark(path)
                onFailure(error)
            }
        )
        readers = (
            first: try Self.reader(path, disk, shared, givesWay: false),
            second: try Self.reader(path, disk, shared, givesWay: true)
        )
        writer.start()
        readers.first.start(name: "store-reader", precedence: .first)
        readers.second.start(name: "store-reader-2", precedence: .second)
    }

    private static func reader(
        _ path: String,
        _ disk: DiskAccess,
        _ shared: SharedState,
        givesWay: Bool
    ) throws(StoreError) -> BackgroundReader {
        let database = try Database(path: path, role: .reader, disk: disk)
        if givesWay { database.giveWayBetweenSteps() }
        return BackgroundReader(snapshot: Snapshot(database: database, shared: shared))
    }

    /// The file as this program wants it, with what a former process left in the middle taken for interrupted.
    private static func prepared(_ path: String, _ disk: DiskAccess) throws(StoreError) -> Database {
        let database = try Database(path: path, role: .writer, disk: disk)
        try Migrations.run(on: database)
        do throws(StoreError) { try database.run(IdempotencyTable<Writing>.interruptAll) } catch {
            // A full disk is no reason not to read: those keys wait for the next start.
            guard error.code == .full else { throw error }
        }
        return database
    }

    /// The sequence of the last committed change; zero before the first.
    public var lastSequence: Int64 { shared.lastSequence }

    /// Grows with every record that was noted without a change of its contact, since this store was opened: what was
    /// known of records by their hashes may then be out of date although ``lastSequence`` is the same.
    public var relinks: Int64 { shared.relinks }

    /// 32 random bytes made with the file: what signs the tokens that this store gives out.
    public var tokenKey: [UInt8] { shared.tokenKey }

    /// What the writer has done so far, and how large the files are.
    public var statistics: StoreStatistics {
        var statistics = writer.statistics
        statistics.searchBacklog = max(0, shared.lastSequence - shared.searchPosition)
        statistics.fileBytes = Self.size(of: path)
        statistics.logBytes = Self.size(of: path + "-wal")
        return statistics
    }

    /// The version of SQLite at work.
    public static var libraryVersion: String { String(cString: sqlite3_libversion()) }

    private static func size(of path: String) -> Int64 {
        var status = stat()
        // A log that was moved and removed has no size.
        return stat(path, &status) == 0 ? Int64(status.st_size) : 0
    }

    /// Another read connection, for one thread to keep.
    public func reader() throws(StoreError) -> Snapshot {
        Snapshot(database: try Database(path: path, role: .reader, disk: disk), shared: shared)
    }

    /// An empty batch, to be filled on any thread and stored by ``ContactTable/create(_:without:)``.
    ///
    /// - Parameters:
    ///   - connection: The key of the connection that the contacts belong to.
    ///   - name: Its name, as it is registered.
    /// - Returns: The batch.
    public func batch(connection: Int64, named name: String) -> ContactBatch {
        ContactBatch(connection: connection, named: name, lookupHash: shared.lookupHash)
    }

    /// Reads on a thread of the store's, in one transaction, for what would hold up a loop or a task.
    ///
    /// - Throws: What the closure threw; ``StoreError`` with ``StoreError/Code/closed``.
    public func read<Result: Sendable>(
        _ body: @escaping @Sendable (Snapshot) throws -> Result
    ) async throws -> Result {
        try await read(on: readers.first, body)
    }

    /// The same for what may take long or wait, such as runs, deliveries and figures: it never stands before a request.
    public func readAtLeisure<Result: Sendable>(
        _ body: @escaping @Sendable (Snapshot) throws -> Result
    ) async throws -> Result {
        try await read(on: readers.second, body)
    }

    private func read<Result: Sendable>(
        on reader: BackgroundReader,
        _ body: @escaping @Sendable (Snapshot) throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            reader.enqueue { snapshot in
                guard let snapshot else {
                    return continuation.resume(throwing: StoreError(.closed, "the store is closed"))
                }
                do {
                    try snapshot.begin()
                    defer { snapshot.end() }
                    let result = try body(snapshot)
                    continuation.resume(returning: result)
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
    }

    /// Writes in the next transaction and returns once it is on the disk. Everything that the closure did commits
    /// together; when it throws, nothing of it is kept and its neighbours do not notice.
    ///
    /// The closure may run twice (its transaction may fail for a neighbour's sake, or for want of room), so it must
    /// change nothing but the database. It blocks all other writes: no waiting in it.
    ///
    /// - Throws: What the closure threw; ``StoreError`` for the store's own failures.
    public func write<Result: Sendable>(
        _ body: @escaping @Sendable (Transaction) throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            writer.enqueue(WriteJob(body: body, continuation: continuation))
        }
    }

    /// The last sequence, now and after each commit that holds changes, events or deliveries. A reader that is slow
    /// sees only the newest. Ends when the store is closed.
    public func changesCommitted() -> AsyncStream<Int64> { shared.listen() }

    /// Finishes what is queued, moves the log into the file and ends the threads.
    public func close() async {
        await readers.first.stop()
        await readers.second.stop()
        // Last: it moves the log into the file, and takes it away.
        await writer.stop()
        shared.closeListeners()
        lock.release()
    }
}
