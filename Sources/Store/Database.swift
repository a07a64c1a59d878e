//  One SQLite connection with its prepared statements.

import CSQLite
import Glibc
import Platform

/// One connection to the file. It is opened without SQLite's mutexes: one thread at a time uses it.
final class Database {
    enum Role {
        /// The one connection that commits and checkpoints.
        case writer
        /// Reads; SQLite itself refuses writes (`query_only`).
        case reader
    }

    /// A loop that reads must not wait for the writer to allocate: under an import it did, for milliseconds. SQLite takes
    /// this before its first use only; where something else was first, it keeps its lock.
    private static let statistics = csqlite_keep_no_statistics()
    /// The system's VFS under which a connection need not map the file anew after each commit of another.
    static let systemVFS = csqlite_mapped_vfs().map { String(cString: $0) }

    let handle: OpaquePointer
    private var statements: [Statement?] = []
    /// Whether what the transaction at hand was told holds to its end: that of a reader, which sees one state.
    private(set) var seesOneState = false
    /// Runs of look-up keys in that state, once they were asked for.
    var knownRuns: [Int64]?
    /// The same of whether single writes have left look-up keys.
    var knownTreeIsEmpty: Bool?

    /// Opens the file and sets the pragmas, each for its reason.
    init(path: String, role: Role, disk: DiskAccess = DiskAccess()) throws(StoreError) {
        _ = Self.statistics
        var handle: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (role == .writer ? SQLITE_OPEN_CREATE : 0)
        let result = sqlite3_open_v2(path, &handle, flags, disk.vfs ?? Self.systemVFS)
        guard result == SQLITE_OK, let handle else {
            let error = StoreError(handle, result)
            sqlite3_close(handle)
            throw error
        }
        self.handle = handle
        sqlite3_extended_result_codes(handle, 1)
        // A writer that waits for the operator's own sqlite3 shell gives up in words rather than hang.
        sqlite3_busy_timeout(handle, role == .writer ? 2000 : 5000)
        // Debian overwrites deleted rows with zeros; that doubles the pages a delete writes.
        try execute("pragma secure_delete = off")
        // Pages straight from the page cache, no copy: 10.3 → 8.6 µs a GET.
        try execute("pragma mmap_size = 2147418112")
        try execute("pragma temp_store = memory")
        // Every checkpoint is the writer's, at a moment of its choosing: 3.7.0 to 3.51.2 corrupt otherwise.
        try execute("pragma wal_autocheckpoint = 0")
        switch role {
        case .writer:
            giveWayBetweenSteps()
            // Look-up keys land anywhere in their tree: an import is as fast as the share of it that stays in memory.
            try execute("pragma cache_size = -65536")
            try execute("pragma journal_mode = wal")
            // A commit survives power loss (NORMAL: only a crash of the process).
            try execute("pragma synchronous = \(disk.synchronous)")
        case .reader:
            try execute("pragma query_only = on")
            _ = csqlite_close_without_checkpoint(handle)
        }
    }

    /// For a thread that does not go first: others may have the processor in the middle of a statement.
    func giveWayBetweenSteps() {
        // So many steps of SQLite's machine take some tens of microseconds.
        sqlite3_progress_handler(
            handle,
            500,
            { _ in
                PosixThread.giveWay()
                return 0
            },
            nil
        )
    }

    deinit {
        statements = []
        sqlite3_close(handle)
    }

    /// Runs statements that have no values and give no rows.
    func execute(_ sql: String) throws(StoreError) {
        let result = sqlite3_exec(handle, sql, nil, nil, nil)
        if result != SQLITE_OK { throw StoreError(handle, result, sql: sql) }
    }

    /// The prepared form, made once. It must not be in use further up the stack.
    @inline(__always)
    func statement(_ query: Query) throws(StoreError) -> Statement {
        if query.number < statements.count, let statement = statements[query.number] { return statement }
        return try prepare(query)
    }

    @inline(never)
    private func prepare(_ query: Query) throws(StoreError) -> Statement {
        let statement = try Statement(query.text, in: handle)
        while statements.count <= query.number { statements.append(nil) }
        statements[query.number] = statement
        return statement
    }

    /// Runs a statement for its effect.
    func run(_ query: Query, _ values: any Bindable...) throws(StoreError) {
        try bound(query, values).run()
    }

    /// Says that from now on one state is seen, or no longer.
    func see(oneState: Bool) {
        seesOneState = oneState
        knownRuns = nil
        knownTreeIsEmpty = nil
    }

    /// Every row, mapped.
    func rows<Row>(
        _ query: Query,
        _ values: any Bindable...,
        map: (Statement) -> Row
    ) throws(StoreError) -> [Row] {
        let statement = try bound(query, values)
        defer { statement.reset() }
        var rows: [Row] = []
        while try statement.step() { rows.append(map(statement)) }
        return rows
    }

    /// The first row, mapped; `nil` when there is none.
    func row<Row>(
        _ query: Query,
        _ values: any Bindable...,
        map: (Statement) -> Row
    ) throws(StoreError) -> Row? {
        let statement = try bound(query, values)
        defer { statement.reset() }
        return try statement.step() ? map(statement) : nil
    }

    /// The first column of the first row as a number; zero when there is none or it is null.
    func number(_ query: Query, _ values: any Bindable...) throws(StoreError) -> Int64 {
        let statement = try bound(query, values)
        defer { statement.reset() }
        return try statement.step() ? statement.int(0) : 0
    }

    /// How many rows the last statement changed.
    var changedRows: Int { Int(sqlite3_changes64(handle)) }

    /// The key of the last row inserted.
    var lastInsertedKey: Int64 { sqlite3_last_insert_rowid(handle) }

    /// False when SQLite gave up the whole transaction by itself.
    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// Moves what the log holds into the file.
    ///
    /// - Returns: Frames in the log, and how many of them are now in the file.
    func checkpoint(_ mode: Int32) throws(StoreError) -> (frames: Int, moved: Int) {
        var frames: Int32 = 0
        var moved: Int32 = 0
        let result = sqlite3_wal_checkpoint_v2(handle, nil, mode, &frames, &moved)
        // A reader in the way is no failure: the next checkpoint takes the rest.
        guard result == SQLITE_OK || result & 0xFF == SQLITE_BUSY else { throw StoreError(handle, result) }
        return (Int(max(0, frames)), Int(max(0, moved)))
    }

    private func bound(_ query: Query, _ values: [any Bindable]) throws(StoreError) -> Statement {
        let statement = try statement(query)
        for (index, value) in values.enumerated() { value.bind(to: statement, at: Int32(index + 1)) }
        return statement
    }
}
